using Lentigo.Core.Imaging;
using Lentigo.Training.Data;

namespace Lentigo.Training.Tests.Data;

public sealed class PerceptualHashTests
{
    [Fact]
    public void A_smaller_copy_has_about_the_same_hash_and_another_lesion_of_the_class_has_not()
    {
        for (int seed = 0; seed < 5; seed++)
        {
            for (int label = 0; label < 7; label++)
            {
                byte[] drawn = Photograph(label, seed);
                ulong[] hash = PerceptualHash.Of(drawn, 160);
                Assert.InRange(PerceptualHash.Distance(hash, PerceptualHash.Of(LesionImage.Resize(drawn, 160, 160, 96), 96)), 0,
                    PerceptualHash.MostDifferentBits);
                Assert.True(PerceptualHash.Distance(hash, PerceptualHash.Of(Photograph(label, seed + 100), 160)) > PerceptualHash.MostDifferentBits);
            }
        }
    }

    // Drawn small and enlarged, so that the skin has a texture which a reduced copy keeps, as in photographs.
    private static byte[] Photograph(int label, int seed) => LesionImage.Resize(SyntheticLesions.Draw(label, seed, 40), 40, 40, 160);

    [Fact]
    public void The_distance_counts_bits()
    {
        ulong[] none = new ulong[8], three = [1, 0, 0, 0, 0, 0, 0, (1UL << 63) | 2];
        Assert.Equal((0, 3, 512), (PerceptualHash.Distance(three, three), PerceptualHash.Distance(none, three),
            PerceptualHash.Distance(none, [.. none.Select(w => ~w)])));
    }

    [Fact]
    public void Copies_of_real_images_on_two_paths_are_found_and_no_others()
    {
        string? root = Environment.GetEnvironmentVariable("LENTIGO_DATA");
        Assert.SkipUnless(root is not null && Directory.Exists(Path.Combine(root, "bcn20000-84")),
            "LENTIGO_DATA names no folder with bcn20000-84/ and ham10000-160/.");
        ulong[] Hash(string file) => PerceptualHash.Of(LesionImage.Decode(File.ReadAllBytes(file), 84, new()), 84);
        string[] files = [.. Directory.EnumerateFiles(Path.Combine(root!, "ham10000-160", "HAM10000_images_part_1")).Order(StringComparer.Ordinal)
            .Where((_, i) => i % 20 == 0)];
        ulong[][] large = [.. files.Select(Hash)], small = [.. files.Select(f => Hash(Path.Combine(root!, "bcn20000-84", "ham10000", Path.GetFileName(f))))];
        int found = Enumerable.Range(0, files.Length).Count(i => PerceptualHash.Distance(large[i], small[i]) <= PerceptualHash.MostDifferentBits);
        int others = Enumerable.Range(0, files.Length)
            .Sum(i => Enumerable.Range(0, i).Count(j => PerceptualHash.Distance(large[i], small[j]) <= PerceptualHash.MostDifferentBits));
        Assert.True(found >= 0.95 * files.Length && others == 0, $"Of {files.Length} copies {found} were found, and {others} pairs that are none.");
    }
}
