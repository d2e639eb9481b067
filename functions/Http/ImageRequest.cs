using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Lentigo.Functions.Http;

/// <summary>Reads the image of a request: the body itself, or the multipart field <c>image</c>. Never holds more than the limit.</summary>
internal static class ImageRequest
{
    /// <summary>The multipart field that holds the image.</summary>
    private const string Field = "image";

    /// <summary>What a multipart body may hold beside the image: other fields and headers.</summary>
    private const long MultipartOverhead = 1_000_000;

    private const int MaxBoundaryLength = 70; // RFC 2046, section 5.1.1

    /// <summary>Reads the image's bytes.</summary>
    /// <exception cref="ImageRejectedException">It is too large.</exception>
    /// <exception cref="ProblemException">There is none, or the request is malformed.</exception>
    public static async Task<byte[]> ReadAsync(HttpRequest request, long maxBytes, CancellationToken cancellationToken)
    {
        bool isMultipart = MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase);
        long maxBody = maxBytes + (isMultipart ? MultipartOverhead : 0);
        if (request.ContentLength > maxBody)
        {
            throw ImageRejectedException.TooLarge(maxBytes);
        }

        // The limit here is ours, and its answer says what to do; the server's own would end the connection.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } server)
        {
            server.MaxRequestBodySize = null;
        }

        try
        {
            byte[] image = isMultipart
                ? await ReadFieldAsync(request.Body, type!, maxBytes, maxBody, cancellationToken)
                : await ReadLimitedAsync(request.Body, request.ContentLength ?? 0, maxBytes, maxBytes, cancellationToken);
            return image.Length > 0 ? image : throw new ProblemException(Problem.NoImage());
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw ImageRejectedException.TooLarge(maxBytes);
        }
        catch (Exception e) when (e is InvalidDataException or IOException && !cancellationToken.IsCancellationRequested)
        {
            throw new ProblemException(Problem.MalformedRequest(isMultipart ? "its multipart body is broken or incomplete." : "its body ended early."));
        }
    }

    private static async Task<byte[]> ReadFieldAsync(Stream body, MediaTypeHeaderValue type, long maxBytes, long maxBody, CancellationToken cancellationToken)
    {
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value ?? "";
        if (boundary.Length is 0 or > MaxBoundaryLength)
        {
            throw new ProblemException(Problem.MalformedRequest($"its multipart boundary is missing or longer than {MaxBoundaryLength} characters."));
        }

        long left = maxBody;
        MultipartReader reader = new(boundary, body) { HeadersCountLimit = 16, HeadersLengthLimit = 16 * 1024 };
        while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            if (IsImage(section))
            {
                return await ReadLimitedAsync(section.Body, 0, maxBytes, Math.Min(maxBytes, left), cancellationToken);
            }

            left -= await SkipAsync(section.Body, left, maxBytes, cancellationToken);
        }

        throw new ProblemException(Problem.NoImage());
    }

    private static bool IsImage(MultipartSection section) =>
        ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition)
        && HeaderUtilities.RemoveQuotes(disposition.Name).Equals(Field, StringComparison.OrdinalIgnoreCase);

    private static async Task<long> SkipAsync(Stream field, long left, long maxBytes, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[16 * 1024];
        long skipped = 0;
        while (await field.ReadAsync(buffer, cancellationToken) is var read and > 0)
        {
            skipped += read;
            if (skipped > left)
            {
                throw ImageRejectedException.TooLarge(maxBytes);
            }
        }

        return skipped;
    }

    private static async Task<byte[]> ReadLimitedAsync(Stream body, long expected, long maxBytes, long limit, CancellationToken cancellationToken)
    {
        using MemoryStream file = new((int)expected);
        byte[] buffer = new byte[64 * 1024];
        while (await body.ReadAsync(buffer, cancellationToken) is var read and > 0)
        {
            if (file.Length + read > limit)
            {
                throw ImageRejectedException.TooLarge(maxBytes);
            }

            file.Write(buffer, 0, read);
        }

        return file.ToArray();
    }
}
