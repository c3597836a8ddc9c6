namespace Vivarium.Network.UserMode.Tests;
