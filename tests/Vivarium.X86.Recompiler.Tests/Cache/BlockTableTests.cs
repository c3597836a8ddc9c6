using FsCheck.Xunit;

namespace Vivarium.X86.Tests;

public sealed class BlockTableTests
{
    /// <summary>Against a dictionary, with few keys that differ in each of their parts, and with many.</summary>
    [Property(MaxTest = 50)]
    public void FindsWhatADictionaryFinds(int seed)
    {
        var random = new Random(seed);
        var table = new BlockTable();
        var model = new Dictionary<BlockKey, TranslatedBlock>();
        var pages = random.Next(2) == 0 ? 4 : 1 << 20;
        for (var i = 0; i < 20_000; i++)
        {
            var key = new BlockKey((ulong)random.Next(pages) << 12, random.Next(2) == 0 ? DecodedRun.NoPage : 0x1000, (TranslationMode)random.Next(2));
            switch (random.Next(1_000))
            {
                case < 600:
                    var block = new TranslatedBlock(key, i, 1, isHot: false);
                    Assert.Equal(!model.ContainsKey(key), table.Put(block));
                    model[key] = block;
                    break;
                case < 999:
                    Assert.Same(model.GetValueOrDefault(key), table.Find(key));
                    model.Remove(key, out var removed);
                    Assert.Same(removed, table.Remove(key));
                    Assert.Null(table.Find(key));
                    break;
                default:
                    table.Clear();
                    model.Clear();
                    break;
            }
        }

        Assert.All(model, each => Assert.Same(each.Value, table.Find(each.Key)));
    }
}
