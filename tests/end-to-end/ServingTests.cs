using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.EndToEnd.Tests;

/// <summary>Many callers and many images at once, and callers who misbehave.</summary>
public sealed class ServingTests(SharedApp shared)
{
    private static readonly Uri PredictRoute = new("api/predict", UriKind.Relative), HealthRoute = new("api/health", UriKind.Relative);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private RunningApp App => shared.App;

    [Fact]
    public async Task Several_images_of_a_call_are_answered_in_their_order_and_a_bad_one_with_its_problem()
    {
        byte[][] files = [LesionFiles.Jpeg(1), "no image"u8.ToArray(), LesionFiles.Jpeg(2), LesionFiles.BadContent("over the limit.tif"), [], LesionFiles.Jpeg(1)];
        IReadOnlyList<PredictionOrProblem> answers = await PredictAsync(files);
        Assert.Equal([null, 415, null, 413, 400, null], answers.Select(a => a.Problem?.Status));
        foreach ((int i, PredictionOrProblem answer) in answers.Index())
        {
            if (answer.Prediction is { } prediction)
            {
                Api.AssertSame((await App.PredictAsync(files[i])).Probabilities, prediction.Probabilities);
                Assert.Equal("decision support, not a diagnosis", prediction.Notice);
            }
        }

        Assert.Equal(3, answers.Select(a => a.Prediction?.Id).OfType<string>().Distinct().Count());
    }

    [Fact]
    public async Task More_images_than_a_call_may_have_are_refused_in_one_sentence()
    {
        using MultipartFormDataContent form = Form([.. Enumerable.Repeat(LesionFiles.Jpeg(), 33)]);
        Problem problem = await App.RefusedAsync(form);
        Assert.Equal((413, "urn:lentigo:problem:too-many-images"), (problem.Status, problem.Type));
    }

    [Fact]
    public async Task Slow_senders_and_those_who_leave_hurt_only_themselves()
    {
        const int Slow = 300;
        byte[] file = LesionFiles.Jpeg();
        Prediction alone = await App.PredictAsync(file);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        List<Socket> senders = [];
        try
        {
            for (int i = 0; i < Slow; i++)
            {
                senders.Add(await BeginAsync(promised: 1_000_000));
            }

            Task sending = SendSlowlyAsync(senders, stop.Token);
            for (int i = 0; i < 5; i++)
            {
                using HttpResponseMessage health = await App.Client.GetAsync(HealthRoute, Cancellation);
                Assert.Equal(HttpStatusCode.OK, health.StatusCode);
                using HttpResponseMessage page = await App.Client.GetAsync(new Uri("", UriKind.Relative), Cancellation);
                Assert.Equal(HttpStatusCode.OK, page.StatusCode);
                Prediction[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => App.PredictAsync(file)));
                Assert.All(answers, a => Api.AssertSame(alone.Probabilities, a.Probabilities));
            }

            await stop.CancelAsync();
            await sending;
        }
        finally
        {
            senders.ForEach(s => s.Dispose()); // they leave half-way
        }

        Api.AssertSame(alone.Probabilities, (await App.PredictAsync(file)).Probabilities);
    }

    private async Task<IReadOnlyList<PredictionOrProblem>> PredictAsync(byte[][] files)
    {
        using MultipartFormDataContent form = Form(files);
        using HttpResponseMessage response = await App.Client.PostAsync(PredictRoute, form, Cancellation);
        string json = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.StatusCode == HttpStatusCode.OK, json);
        return JsonSerializer.Deserialize(json, FunctionsJson.Default.IReadOnlyListPredictionOrProblem)!;
    }

    private static MultipartFormDataContent Form(byte[][] files)
    {
        MultipartFormDataContent form = [];
        foreach (byte[] file in files)
        {
            form.Add(new ByteArrayContent(file), "image", "x.jpg");
        }

        return form;
    }

    /// <summary>A connection that has sent the beginning of a request, and promised so many bytes.</summary>
    private async Task<Socket> BeginAsync(int promised)
    {
        Uri address = App.Address;
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(address.Host, address.Port, Cancellation);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"POST /api/predict HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Length: {promised}\r\n\r\n\u00ff\u00d8"), Cancellation);
        return socket;
    }

    private static async Task SendSlowlyAsync(IReadOnlyList<Socket> senders, CancellationToken stop)
    {
        byte[] crumb = new byte[600];
        try
        {
            while (true)
            {
                foreach (Socket sender in senders)
                {
                    await sender.SendAsync(crumb, stop);
                }

                await Task.Delay(TimeSpan.FromSeconds(1), stop);
            }
        }
        catch (OperationCanceledException)
        {
            // the test is over
        }
        catch (SocketException)
        {
            // a sender was disconnected as too slow
        }
    }
}
