using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Lentigo.Core.Imaging;
using Lentigo.Core.Storage;
using static TorchSharp.torch;

namespace Lentigo.Training.Data;

/// <summary>
/// Decoded images on disk, so that a data set is decoded once. An entry holds for the same files (path, length, time of change), input size and
/// decoder; it is checked by its hash and decoded again where that is wrong. Entries that nobody read for <see cref="Kept"/> are deleted.
/// </summary>
/// <param name="folder">The folder of the entries; created where it does not exist.</param>
internal sealed class PixelCache(string folder)
{
    private const int HeaderBytes = 16, HashBytes = 32;

    /// <summary>The age at which unused entries are deleted.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    /// <summary>
    /// The folder <c>lentigo</c> of the user's caches: in <c>$XDG_CACHE_HOME</c>, by default <c>~/.cache</c>; on Windows in the local application data.
    /// </summary>
    public static string UserFolder => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } caches ? caches
        : OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify)
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify), ".cache"),
        "lentigo");

    private static ReadOnlySpan<byte> Signature => "LENTIPX1"u8;

    /// <summary>The key of files decoded to a size.</summary>
    internal static string KeyOf(IReadOnlyList<ImageFile> files, int size)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{LesionImage.DecoderVersion}\n{size}\n"));
        foreach (ImageFile file in files)
        {
            FileInfo info = new(file.Path);
            hash.AppendData(Encoding.UTF8.GetBytes(
                string.Create(CultureInfo.InvariantCulture, $"{info.FullName}\0{(info.Exists ? info.Length : -1)}\0{info.LastWriteTimeUtc.Ticks}\n")));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The entry of a key; null where there is none, or it is damaged.</summary>
    internal DecodedImages? TryRead(string key, int count, int size, Action<string> warn)
    {
        string path = PathOf(key);
        if (!File.Exists(path))
        {
            return null;
        }

        Tensor? pixels = null;
        try
        {
            using FileStream file = File.OpenRead(path);
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            byte[] header = new byte[HeaderBytes + (count * 8)];
            long expected = header.Length + ((long)count * size * size * 3) + HashBytes;
            file.ReadExactly(header);
            if (file.Length == expected && Header(count, size).AsSpan().SequenceEqual(header.AsSpan(0, HeaderBytes)))
            {
                hash.AppendData(header);
                pixels = empty([count, size, size, 3], dtype: ScalarType.Byte);
                for (int i = 0; i < count; i++)
                {
                    using Tensor row = pixels[i];
                    Span<byte> bytes = row.bytes;
                    file.ReadExactly(bytes);
                    hash.AppendData(bytes);
                }

                byte[] sum = new byte[HashBytes];
                file.ReadExactly(sum);
                if (hash.GetHashAndReset().AsSpan().SequenceEqual(sum))
                {
                    File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
                    int[] sides = MemoryMarshal.Cast<byte, int>(header.AsSpan(HeaderBytes)).ToArray();
                    Tensor read = pixels;
                    pixels = null;
                    return new(read, [.. sides.Chunk(2).Select(s => (s[0], s[1]))], []);
                }
            }

            warn($"The decoded images in {path} are damaged; the files are decoded again.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn($"The decoded images in {path} cannot be read ({e.Message.TrimEnd('.')}); the files are decoded again.");
        }
        finally
        {
            pixels?.Dispose();
        }

        return null;
    }

    /// <summary>Writes an entry atomically. A failure is only a warning.</summary>
    internal void Write(string key, DecodedImages images, Action<string> warn)
    {
        try
        {
            Directory.CreateDirectory(folder);
            DeleteOld();
            AtomicFile.Write(PathOf(key), partial => WriteTo(partial, images), isShared: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn($"The decoded images cannot be kept in {folder} ({e.Message.TrimEnd('.')}); the next run decodes them again. Set XDG_CACHE_HOME to a folder "
                + "with room, or use --no-cache.");
        }
    }

    private static void WriteTo(string path, DecodedImages images)
    {
        using FileStream file = File.Create(path);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Append(ReadOnlySpan<byte> bytes)
        {
            file.Write(bytes);
            hash.AppendData(bytes);
        }

        Append(Header(images.Sizes.Count, (int)images.Pixels.shape[1]));
        Append(MemoryMarshal.AsBytes(images.Sizes.SelectMany(s => new[] { s.Width, s.Height }).ToArray().AsSpan()));
        for (int i = 0; i < images.Sizes.Count; i++)
        {
            using Tensor row = images.Pixels[i];
            Append(row.bytes);
        }

        file.Write(hash.GetHashAndReset());
    }

    private static byte[] Header(int count, int size)
    {
        byte[] header = new byte[HeaderBytes];
        Signature.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), count);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), size);
        return header;
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Only a cache entry: a later run deletes it when it is old.
        }
    }

    private void DeleteOld()
    {
        foreach (string old in Directory.EnumerateFiles(folder).Where(f => DateTime.UtcNow - File.GetLastWriteTimeUtc(f) > Kept))
        {
            TryDelete(old);
        }
    }

    private string PathOf(string key) => Path.Combine(folder, $"{key}.pixels");
}
