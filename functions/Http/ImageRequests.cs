using System.Buffers;
using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Lentigo.Functions.Http;

/// <summary>
/// Reads the images of requests: the body itself, or the multipart fields <c>image</c>. Memory is bounded by the limits per request and, for all requests
/// together, by <see cref="ServingOptions.MaxPendingBytes"/>. Requests that arrive too slowly are aborted. Reading blocks no other part of the service.
/// </summary>
public sealed class ImageRequests(ServingOptions options, TimeProvider time)
{
    /// <summary>The multipart field that holds an image.</summary>
    private const string Field = "image";

    /// <summary>The maximum size in bytes of everything in a multipart body besides the images: other fields and headers.</summary>
    private const long MultipartOverhead = 1_000_000;

    private const int MaxBoundaryLength = 70; // RFC 2046, section 5.1.1
    private const int FirstBuffer = 64 * 1024, LargestFirstBuffer = 1024 * 1024;
    private readonly BodyBudget budget = new(options.MaxPendingBytes);

    /// <summary>Reads all images of a request.</summary>
    /// <returns>At least one image; dispose the result when the files are no longer needed.</returns>
    /// <exception cref="ImageRejectedException">The body is a single image and too large.</exception>
    /// <exception cref="ProblemException">There is no image, or the request is malformed, too large or too slow.</exception>
    public Task<RequestImages> ReadAsync(HttpRequest request, CancellationToken cancellationToken) => ReadAsync(request, options.MaxImagesPerRequest, stopAtFirst: false, cancellationToken);

    /// <summary>Reads the first image of a request.</summary>
    /// <inheritdoc cref="ReadAsync(HttpRequest, CancellationToken)"/>
    public Task<RequestImages> ReadFirstAsync(HttpRequest request, CancellationToken cancellationToken) => ReadAsync(request, 1, stopAtFirst: true, cancellationToken);

    private async Task<RequestImages> ReadAsync(HttpRequest request, int maxImages, bool stopAtFirst, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        bool isMultipart = MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase);
        CheckLength(request.ContentLength, isMultipart, maxImages);

        // The app enforces its own limits so that its responses can say what to do; the server's limits would close the connection.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }

        if (request.HttpContext.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }

        RequestImages images = new(budget);
        try
        {
            using PacedBody body = new(request.BodyReader, options, time);
            if (isMultipart)
            {
                await ReadFieldsAsync(body, type!, request.ContentLength, maxImages, stopAtFirst, images, cancellationToken);
            }
            else
            {
                images.Add(await ReadImageAsync(body, request.ContentLength, images, cancellationToken));
            }

            return images.Count > 0 ? images : throw new ProblemException(Problem.NoImage());
        }
        catch (Exception e)
        {
            images.Dispose();
            switch (e)
            {
                case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge }:
                    throw ImageRejectedException.TooLarge(options.MaxImageBytes);
                case BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout }:
                    throw new ProblemException(Problem.TooSlow());
                case InvalidDataException:
                case IOException when !cancellationToken.IsCancellationRequested:
                    throw new ProblemException(Problem.MalformedRequest(isMultipart ? "its multipart body is broken or incomplete." : "its body ended early."));
                default:
                    throw;
            }
        }
    }

    private void CheckLength(long? length, bool isMultipart, int maxImages)
    {
        if (!isMultipart || maxImages == 1)
        {
            if (length > options.MaxImageBytes + (isMultipart ? MultipartOverhead : 0))
            {
                throw ImageRejectedException.TooLarge(options.MaxImageBytes);
            }
        }
        else if (length > options.MaxRequestBytes)
        {
            throw new ProblemException(Problem.RequestTooLarge(options.MaxRequestBytes));
        }
    }

    private async Task ReadFieldsAsync(
        Stream body, MediaTypeHeaderValue type, long? length, int maxImages, bool stopAtFirst, RequestImages images, CancellationToken cancellationToken)
    {
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value ?? "";
        if (boundary.Length is 0 or > MaxBoundaryLength)
        {
            throw new ProblemException(Problem.MalformedRequest($"its multipart boundary is missing or longer than {MaxBoundaryLength} characters."));
        }

        long left = options.MaxRequestBytes, others = MultipartOverhead;
        MultipartReader reader = new(boundary, body) { HeadersCountLimit = 16, HeadersLengthLimit = 16 * 1024 };
        while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            if (!IsImage(section))
            {
                others -= await SkipAsync(section.Body, Math.Min(left, others), cancellationToken);
                continue;
            }

            if (images.Count == maxImages)
            {
                throw new ProblemException(Problem.TooManyImages(maxImages));
            }

            ImageBody image = await ReadImageAsync(section.Body, images.Count == 0 ? length : null, images, cancellationToken);
            images.Add(image);
            left -= image.Length;
            if (image.Rejection?.Reason == ImageRejection.TooLarge)
            {
                left -= await SkipAsync(section.Body, left, cancellationToken);
            }

            if (left < 0)
            {
                throw new ProblemException(Problem.RequestTooLarge(options.MaxRequestBytes));
            }

            if (stopAtFirst)
            {
                return;
            }
        }
    }

    private static bool IsImage(MultipartSection section) =>
        ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition)
        && HeaderUtilities.RemoveQuotes(disposition.Name).Equals(Field, StringComparison.OrdinalIgnoreCase);

    private async Task<long> SkipAsync(Stream field, long limit, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
        try
        {
            long skipped = 0;
            while (await field.ReadAsync(buffer, cancellationToken) is var read and > 0)
            {
                skipped += read;
                if (skipped > limit)
                {
                    throw new ProblemException(Problem.RequestTooLarge(options.MaxRequestBytes));
                }
            }

            return skipped;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads one image, up to the first byte beyond the limit.</summary>
    /// <param name="body">The stream that contains the image.</param>
    /// <param name="expected">The approximate length in bytes announced by the sender; null if unknown.</param>
    /// <param name="images">The request's images, whose memory budget is charged for the bytes read.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    private async Task<ImageBody> ReadImageAsync(Stream body, long? expected, RequestImages images, CancellationToken cancellationToken)
    {
        // The buffer grows as bytes arrive, so an announced length alone allocates no memory.
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp((expected ?? 0) + 1, FirstBuffer, LargestFirstBuffer));
        try
        {
            int length = 0;
            while (await body.ReadAsync(buffer.AsMemory(length), cancellationToken) is var read and > 0)
            {
                length += read;
                if (length > options.MaxImageBytes)
                {
                    return new(null, ImageRejectedException.TooLarge(options.MaxImageBytes), length);
                }

                images.Charge(read);
                if (length == buffer.Length)
                {
                    byte[] larger = ArrayPool<byte>.Shared.Rent(2 * length);
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
            }

            return length > 0 ? new(buffer.AsSpan(0, length).ToArray(), null, length) : new(null, ImageRejectedException.Empty(), 0);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
