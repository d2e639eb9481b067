using Lentigo.Core.Imaging;
using NetVips;

namespace Lentigo.Core.Tests.Imaging;

public class PixelBudgetTests
{
    private const long Megabyte = 1_000_000;
    private const int Width = 4000, Height = 3000, Pixels = Width * Height;

    [Fact]
    public async Task Files_that_exceed_the_budget_wait_in_their_order()
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        PixelBudget budget = new(100 * Megabyte);
        IDisposable first = await budget.ReserveAsync(60 * Megabyte, token);
        Task<IDisposable> second = budget.ReserveAsync(70 * Megabyte, token), third = budget.ReserveAsync(30 * Megabyte, token);
        Assert.False(second.IsCompleted || third.IsCompleted); // the third would fit, but not before the second
        (await budget.ReserveAsync(Megabyte, token)).Dispose(); // what is decoded by rows waits for nobody
        first.Dispose();
        first.Dispose();
        await Task.WhenAll(second, third);
        Task<IDisposable> alone = budget.ReserveAsync(900 * Megabyte, token);
        (await second).Dispose();
        Assert.False(alone.IsCompleted);
        (await third).Dispose();
        (await alone).Dispose();
    }

    [Fact]
    public async Task Who_gives_up_makes_room_for_the_next()
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        PixelBudget budget = new(100 * Megabyte);
        using IDisposable first = await budget.ReserveAsync(60 * Megabyte, token);
        using CancellationTokenSource gone = new();
        Task<IDisposable> second = budget.ReserveAsync(70 * Megabyte, gone.Token), third = budget.ReserveAsync(30 * Megabyte, token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        (await third).Dispose();
    }

    [Fact]
    public void What_a_decoder_must_hold_is_told_by_the_header()
    {
        using Image picture = Image.Black(Width, Height, bands: 3).Copy(interpretation: Enums.Interpretation.Srgb);
        Assert.Equal(0, DecoderMemory.Of(picture.JpegsaveBuffer()));
        Assert.Equal(3 * Pixels, DecoderMemory.Of(picture.JpegsaveBuffer(interlace: true, subsampleMode: Enums.ForeignSubsample.On)));
        Assert.Equal(6 * Pixels, DecoderMemory.Of(picture.JpegsaveBuffer(interlace: true, subsampleMode: Enums.ForeignSubsample.Off)));
        Assert.Equal(0, DecoderMemory.Of(picture.PngsaveBuffer(compression: 1)));
        Assert.Equal(3 * Pixels, DecoderMemory.Of(picture.PngsaveBuffer(compression: 1, interlace: true)));
        Assert.Equal(8 * Pixels, DecoderMemory.Of(picture.WebpsaveBuffer(effort: 0)));
        Assert.Equal(8 * Pixels, DecoderMemory.Of(picture.WebpsaveBuffer(effort: 0, lossless: true)));
        Assert.InRange(DecoderMemory.Of(picture.TiffsaveBuffer()), 1, 3 * Width * 200);
        Assert.Equal(3 * 90 * 70, DecoderMemory.Of(TiffFile.Write(new byte[3 * 90 * 70], 90, 70, 3, 2)));
        Assert.Equal(0, DecoderMemory.Of("RIFF1234WEBPVP8"u8));
        Assert.Equal(0, DecoderMemory.Of([0xff, 0xd8, 0xff, 0xc2, 0, 4]));
    }
}
