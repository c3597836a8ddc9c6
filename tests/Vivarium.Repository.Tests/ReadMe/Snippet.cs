using System.Text.RegularExpressions;

namespace Vivarium.Repository.Tests.ReadMe;

/// <summary>Compares the C# of a document with the test that compiles and runs it.</summary>
internal static partial class Snippet
{
    /// <summary>Asserts that each C# block of the document stands in the test's file, spaces aside.</summary>
    public static void AssertInTest(string document, string test)
    {
        var code = Normalize(Repository.Read($"tests/Vivarium.Repository.Tests/ReadMe/{test}.cs"));
        var blocks = Block().Matches(Repository.Read(document));
        Assert.NotEmpty(blocks);
        Assert.All(blocks, block => Assert.Contains(Normalize(block.Groups["code"].Value), code, StringComparison.Ordinal));
    }

    private static string Normalize(string text) => Spaces().Replace(text, " ").Trim();

    [GeneratedRegex("```csharp\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
