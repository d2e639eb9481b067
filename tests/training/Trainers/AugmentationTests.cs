using Lentigo.Training.Recipes;
using Lentigo.Training.Trainers;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Trainers;

public sealed class AugmentationTests
{
    private static readonly TrainingRecipe Nothing = new() { Flip = false, Rotation = 0, Brightness = 0, Contrast = 0, Saturation = 0 };

    [Fact]
    public void Shades_of_gray_is_the_papers_formula()
    {
        manual_seed(1);
        using Tensor images = rand(2, 3, 5, 5) * 0.5;
        float[] before = images.data<float>().ToArray(), after = Augmentation.ShadesOfGray(images).data<float>().ToArray();
        for (int image = 0; image < 2; image++)
        {
            double[] light = [.. Enumerable.Range(0, 3).Select(c => Math.Pow(Channel(before, image, c).Average(v => Math.Pow(v, 6)), 1 / 6.0))];
            double norm = Math.Sqrt(light.Sum(e => e * e));
            for (int c = 0; c < 3; c++)
            {
                double factor = norm / (light[c] * Math.Sqrt(3));
                Assert.All(Channel(before, image, c).Zip(Channel(after, image, c)), p => Assert.Equal(Math.Min(1, p.First * factor), p.Second, 1e-4));
            }
        }
    }

    [Fact]
    public void Shades_of_gray_makes_one_picture_under_two_lamps_the_same_and_keeps_a_black_one_black()
    {
        manual_seed(1);
        using Tensor picture = (rand(1, 3, 16, 16) * 0.4) + 0.1, lamp = tensor([1.2f, 1f, 0.7f], [1, 3, 1, 1]);
        Tensor constant = Augmentation.ShadesOfGray(picture), underLamp = Augmentation.ShadesOfGray(picture * lamp);
        Tensor ratio = underLamp / constant; // brightness may differ, color not
        Assert.InRange((ratio.max() - ratio.min()).item<float>(), 0, 1e-3);
        Assert.Equal(0, Augmentation.ShadesOfGray(zeros(1, 3, 4, 4)).abs().max().item<float>());
    }

    [Fact]
    public void Color_constancy_changes_as_many_images_as_the_recipe_says_and_none_when_off()
    {
        manual_seed(1);
        using Tensor images = rand(400, 3, 4, 4) * tensor([0.9f, 0.6f, 0.5f], [1, 3, 1, 1]);
        double Changed(double probability) =>
            (new Augmentation(Nothing with { ColourConstancy = probability })
                .Apply(images) - images).abs().amax([1, 2, 3]).gt(1e-4).to(ScalarType.Float32).mean().item<float>();
        Assert.Equal(0, Changed(0));
        Assert.InRange(Changed(0.3), 0.2, 0.4);
        Assert.Equal(1, Changed(1));
    }

    [Fact]
    public void Color_constancy_that_is_off_draws_no_random_number()
    {
        manual_seed(3);
        float expected = rand(1).item<float>();
        manual_seed(3);
        using Tensor same = new Augmentation(Nothing).Apply(zeros(4, 3, 8, 8));
        Assert.Equal(expected, rand(1).item<float>()); // recipes of before it was there train as they did
    }

    [Fact]
    public void Whatever_the_recipe_pixels_stay_in_0_to_1()
    {
        manual_seed(1);
        TrainingRecipe wild = TrainingRecipe.Strong with { Brightness = 0.9, Contrast = 0.9, Saturation = 0.9, ColourShift = 0.9, ColourConstancy = 0.5,
            Degrade = 0.5, DegradeSize = 8 };
        using Tensor result = new Augmentation(wild).Apply(rand(64, 3, 16, 16));
        Assert.InRange(result.min().item<float>(), 0, 1);
        Assert.InRange(result.max().item<float>(), 0, 1);
    }

    private static IEnumerable<double> Channel(float[] images, int image, int channel) => images.Skip(((image * 3) + channel) * 25).Take(25)
        .Select(v => (double)v);

    [Theory]
    [InlineData("hairs")]
    [InlineData("frame")]
    [InlineData("erase")]
    public void As_many_images_as_the_recipe_says_are_drawn_over_within_the_range_of_pixels(string kind)
    {
        using Tensor images = full([300, 3, 48, 48], 0.6f);
        double Changed(double probability)
        {
            manual_seed(1);
            TrainingRecipe recipe = kind switch
            {
                "hairs" => Nothing with { Hairs = probability },
                "frame" => Nothing with { Frame = probability },
                _ => Nothing with { Erase = probability },
            };
            using Tensor drawn = new Augmentation(recipe).Apply(images), again = Drawn(recipe), moved = (drawn - images).abs().amax([1, 2, 3]);
            Assert.InRange(drawn.min().item<float>(), 0, 1);
            Assert.InRange(drawn.max().item<float>(), 0, 1);
            Assert.True(drawn.allclose(again)); // one seed draws one picture
            return moved.gt(0.02).to(ScalarType.Float32).mean().item<float>();
        }

        Tensor Drawn(TrainingRecipe recipe)
        {
            manual_seed(1);
            return new Augmentation(recipe).Apply(images);
        }

        Assert.Equal(0, Changed(0));
        Assert.InRange(Changed(0.3), 0.2, 0.4);
        Assert.InRange(Changed(1), 0.95, 1); // a rim may lie outside of the image
    }

    [Fact]
    public void A_frame_darkens_the_rim_and_leaves_the_middle()
    {
        manual_seed(2);
        using Tensor images = full([100, 3, 48, 48], 0.6f), drawn = new Augmentation(Nothing with { Frame = 1 }).Apply(images);
        Assert.True((drawn[.., .., 20..28, 20..28] - 0.6).abs().max().item<float>() < 1e-5);
        Assert.True(drawn[.., .., 0, ..].mean().item<float>() < 0.3);
    }
}
