using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Lentigo.EndToEnd.Tests;

/// <summary>The page on a phone without a network: it opens, and classifies on the device with the model that it keeps.</summary>
public sealed class BrowserOfflineTests(SharedApp shared, BrowserFixture browser) : BrowserTest(shared, browser)
{
    /// <summary>How far probabilities of the device may be from those of the service's code with the same model: the decoders and resizing filters differ.</summary>
    private const double ProbabilityTolerance = 0.02;

    private static BrowserNewContextOptions Phone(string locale = "en-GB") => new() { ViewportSize = new() { Width = 390, Height = 844 }, HasTouch = true, IsMobile = true, Locale = locale };

    [Fact]
    public async Task The_page_opens_and_classifies_without_a_network_and_asks_the_service_when_it_is_back()
    {
        await using Gateway gateway = new(App.Address);
        IPage page = await OpenAsync(options: Phone(), expectFaults: true, address: gateway.Address);
        await Expect(page.Locator("#service")).ToContainTextAsync("The service is ready");
        Assert.DoesNotContain(gateway.Requests, r => r.Contains("offline.json", StringComparison.Ordinal) || r.Contains("/ort", StringComparison.Ordinal) || r.Contains("device", StringComparison.Ordinal));
        await page.GetByText("Use without a network").ClickAsync();
        await Expect(page.Locator("#phone")).ToContainTextAsync("MB are downloaded");
        await AssertAccessibleAsync(page, "offer");
        await TurnOnAsync(page);
        await AssertAccessibleAsync(page, "turned on");
        await SaveAsync(page, "offline-turned-on");

        gateway.IsCut = true;
        await page.Context.SetOfflineAsync(true);
        await page.ReloadAsync();
        await Expect(page.Locator("#service")).ToContainTextAsync("images are classified on this device");
        Stopwatch watch = Stopwatch.StartNew();
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator(".answer")).ToContainTextAsync("Answered on this device by its smaller model lentigo-phone", new() { Timeout = 60_000 });
        TestContext.Current.TestOutputHelper?.WriteLine($"The first answer after the page was opened from the cache: {watch.ElapsedMilliseconds} ms.");
        await Expect(page.Locator(".answer .classes li")).ToHaveCountAsync(7);
        await Expect(page.Locator(".answer")).ToContainTextAsync("Decision support, not a diagnosis");
        await page.GetByRole(AriaRole.Button, new() { Name = "Show what the model sees" }).ClickAsync();
        await Expect(page.Locator(".frame.pixels img")).ToBeVisibleAsync();
        await AssertAccessibleAsync(page, "answered without a network");
        await SaveAsync(page, "offline-answer");
        await page.GetByRole(AriaRole.Link, new() { Name = "About" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Its limits" })).ToBeVisibleAsync();
        await page.GoBackAsync();

        (gateway.IsCut, int before) = (false, gateway.Requests.Count(r => r.StartsWith("POST", StringComparison.Ordinal)));
        Assert.Equal(0, before);
        await page.Context.SetOfflineAsync(false);
        await Expect(page.Locator("#device-bar")).ToContainTextAsync("The service can be reached again");
        await AssertAccessibleAsync(page, "the service is back");
        await page.GetByRole(AriaRole.Button, new() { Name = "Send to the service and ask it" }).ClickAsync();
        await Expect(page.Locator(".answer")).ToContainTextAsync("Model lentigo,", new() { Timeout = 60_000 });
        await Expect(page.Locator(".answer .source")).ToHaveCountAsync(0);
        await Expect(page.Locator("#device-bar")).ToBeHiddenAsync();
    }

    [Fact]
    public async Task Always_on_this_device_sends_nothing_and_says_what_it_cannot_open()
    {
        await using Gateway gateway = new(App.Address);
        IPage page = await OpenAsync(options: Phone("de-DE"), expectFaults: true, address: gateway.Address);
        await page.GetByText("Ohne Netz verwenden").ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Einschalten" }).ClickAsync();
        await page.GetByLabel("Immer auf diesem Gerät").CheckAsync(new() { Timeout = 60_000 });
        gateway.IsCut = true;
        await page.ReloadAsync();
        byte[] heic = await File.ReadAllBytesAsync(Path.Combine(Repository.Root, "tests", "end-to-end", "drawn.heic"), Cancellation);
        await ChooseAsync(page, ("a.jpg", LesionFiles.Jpeg()), ("b.heic", heic), ("c.tif", LesionFiles.Of("tif")), ("d.jpg", LesionFiles.BadContent("truncated.jpg")));
        await Expect(page.Locator("#queue")).ToContainTextAsync("4 von 4", new() { Timeout = 60_000 });
        await Expect(page.Locator("#queue .outcome")).ToHaveCountAsync(2);
        gateway.IsCut = false;
        await Expect(page.Locator("#queue")).ToContainTextAsync("TIFF und DICOM brauchen den Dienst");
        await Expect(page.Locator(".answer")).ToContainTextAsync("Das Bild wurde nicht gesendet.");
        await Expect(page.Locator("#device-bar")).ToBeHiddenAsync();
        Assert.DoesNotContain(gateway.Requests, r => r.StartsWith("POST", StringComparison.Ordinal));

        // What waits for a busy service is not sent again once nothing shall be sent.
        gateway.IsBusy = true;
        await page.GetByText("Ohne Netz verwenden").ClickAsync();
        await page.GetByLabel("Vom Dienst; auf diesem Gerät").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Liste leeren" }).ClickAsync();
        await ChooseAsync(page, "e.jpg", LesionFiles.Jpeg(2));
        await Expect(page.Locator("#answer")).ToContainTextAsync("Neuer Versuch");
        await page.GetByLabel("Immer auf diesem Gerät").CheckAsync();
        await Expect(page.Locator(".answer")).ToContainTextAsync("Auf diesem Gerät beantwortet", new() { Timeout = 60_000 });
        await Expect(page.Locator(".answer")).Not.ToContainTextAsync("Das Bild wurde nicht gesendet."); // it was, before
        gateway.IsBusy = false;
        gateway.Requests.Clear();

        // What the browser deleted is not made up for by sending.
        await page.EvaluateAsync("caches.keys().then(names => Promise.all(names.map(n => caches.delete(n))))");
        await page.ReloadAsync();
        await ChooseAsync(page, "e.jpg", LesionFiles.Jpeg(3));
        await Expect(page.Locator("#answer")).ToContainTextAsync("Die Dateien auf diesem Gerät sind weg");
        Assert.DoesNotContain(gateway.Requests, r => r.StartsWith("POST", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_device_answers_as_the_service_does_with_the_same_model()
    {
        await using Gateway gateway = new(App.Address);
        IPage page = await OpenAsync(options: Phone(), address: gateway.Address);
        await page.GetByText("Use without a network").ClickAsync();
        await TurnOnAsync(page);
        ModelPackage package = ModelPackage.Open(Path.Combine(Repository.Root, "models", "lentigo-phone"));
        using EnsembleModel model = EnsembleModel.Load(package, new() { Device = InferenceDevice.Cpu });
        DecisionRule rule = DecisionRule.Fit(
            ValidationAnswers.Read(package)!, package.Manifest.Prior!, package.Manifest.Prior!, DecisionRequest.DefaultSensitivity, DecisionRequest.DefaultCoverage)!;
        double largest = 0, suitability = 0;
        int differ = 0, count = 0;
        foreach ((string name, byte[] file) in Images())
        {
            using JsonDocument given = JsonDocument.Parse(await page.EvaluateAsync<string>(
                """
                async base64 => {
                  const { prepare } = await import("/assets/images.js"), { classifyHere } = await import("/assets/device.js");
                  const prepared = await prepare(new File([Uint8Array.from(atob(base64), c => c.charCodeAt(0))], "image"), null, true);
                  const { result } = await classifyHere(prepared, { answerUnsuitable: true });
                  const bytes = new Uint8Array(await prepared.blob.arrayBuffer());
                  let binary = "";
                  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
                  return JSON.stringify({ result, sent: btoa(binary) });
                }
                """,
                Convert.ToBase64String(file)));
            Prediction expected = model.Classify(given.RootElement.GetProperty("sent").GetBytesFromBase64(), "id", new(), new() { AnswerUnsuitable = true });
            JsonElement result = given.RootElement.GetProperty("result");
            Dictionary<string, double> probabilities = result.GetProperty("probabilities").EnumerateArray().ToDictionary(p => p.GetProperty("code").GetString()!, p => p.GetProperty("probability").GetDouble());
            double difference = expected.Probabilities.Max(p => Math.Abs(p.Probability - probabilities[p.Code]));
            Assert.True(difference <= ProbabilityTolerance, $"{name}: a probability differs by {difference:f4}.");
            largest = Math.Max(largest, difference);
            suitability = Math.Max(suitability, Math.Abs(result.GetProperty("suitability").GetProperty("score").GetDouble() - expected.Suitability!.Score));
            // The browser's resampling differs a little, so that a lesion at an operating point may be on its other side. Malignancy is the sum of three probabilities.
            bool isAtAPoint = Math.Abs(expected.Triage!.MalignantProbability - rule.Malignant.Threshold) <= 3 * difference
                || Math.Abs(expected.Triage.MelanomaProbability - rule.Melanoma.Threshold) <= difference;
            string recommendation = result.GetProperty("triage").GetProperty("recommendation").GetString()!;
            Assert.True(recommendation == expected.Triage.Recommendation || isAtAPoint, $"{name}: {recommendation} instead of {expected.Triage.Recommendation}.");
            Assert.Equal(expected.Triage.OperatingPoint.Threshold, result.GetProperty("triage").GetProperty("operatingPoint").GetProperty("threshold").GetDouble(), 1e-9);
            differ += expected.Set!.Codes.Order(StringComparer.Ordinal).SequenceEqual(result.GetProperty("set").GetProperty("codes").EnumerateArray().Select(c => c.GetString()!).Order(StringComparer.Ordinal)) ? 0 : 1;
            count++;
            Assert.Equal(["id", "triage", "label", "probabilities", "set", "warnings", "suitability", "members", "prior", "model", "notice", "onDevice"], result.EnumerateObject().Select(p => p.Name));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{count} images: no probability differs by more than {largest:f4}, no suitability by more than {suitability:f4}, {differ} prediction sets differ.");
        Assert.InRange(differ, 0, count / 10);
    }

    [Theory]
    [InlineData("natural")]
    [InlineData("uniform")]
    [InlineData("1,1,1,1,1,10,1")]
    public async Task The_rule_on_the_device_is_that_of_the_service_for_every_prior(string prior)
    {
        ModelPackage package = ModelPackage.Open(Path.Combine(Repository.Root, "models", "lentigo-phone"));
        using EnsembleModel model = EnsembleModel.Load(package, new() { Device = InferenceDevice.Cpu });
        ModelManifest manifest = package.Manifest;
        IReadOnlyList<double> wanted = ClassPrior.Parse(prior, manifest.Prior!)!;
        DecisionRule rule = DecisionRule.Fit(ValidationAnswers.Read(package)!, manifest.Prior!, wanted, DecisionRequest.DefaultSensitivity, DecisionRequest.DefaultCoverage)!;
        JsonNode described = JsonNode.Parse(await App.Client.GetStringAsync(new Uri("assets/offline.json", UriKind.Relative), Cancellation))!["model"]!;
        described["prior"] = new JsonArray([.. wanted.Select(p => JsonValue.Create(p))]);
        described["setLimits"] = new JsonArray([.. rule.SetLimits.Select(p => JsonValue.Create(p))]);
        described["malignant"]!["threshold"] = rule.Malignant.Threshold;
        described["melanoma"]!["threshold"] = rule.Melanoma.Threshold;
        IPage page = await OpenAsync();
        foreach (int seed in Enumerable.Range(1, 12))
        {
            byte[] file = LesionFiles.Jpeg(seed);
            DecodedImage image = LesionImage.Read(file, manifest.Input.Size, new(), Cancellation);
            EnsembleOutput output = model.Classify(image.Pixels, 1);
            ImageQuality quality = ImageQuality.Measure(image);
            using JsonDocument given = JsonDocument.Parse(await page.EvaluateAsync<string>(
                """
                async text => {
                  const { decide } = await import("/assets/decide.js");
                  const { model, outputs, image } = JSON.parse(text);
                  return JSON.stringify(decide(model, outputs, image, { id: "id", answerUnsuitable: true, messageOf: code => code }));
                }
                """,
                JsonSerializer.Serialize(new
                {
                    model = described,
                    outputs = new { probabilities = Doubles(output.Probabilities(0)), members = new[] { Doubles(output.MemberLogits(0, 0)) }, suitability = (double)output.Suitability(0)!.Value },
                    image = new { shorterSide = quality.ShorterSide, sharpness = quality.Sharpness, brightness = quality.Brightness },
                })));
            JsonElement answer = given.RootElement, triage = answer.GetProperty("triage");
            Prediction expected = model.Classify(file, "id", new(), new() { AnswerUnsuitable = true, Decision = new(prior) });
            double[] Doubles(ReadOnlySpan<float> values) => [.. values.ToArray().Select(v => (double)v)]; // a float is not written with all its decimals
            string[] Texts(JsonElement list) => [.. list.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String ? e.GetString()! : e.GetProperty("code").GetString()!)];
            Assert.Equal(expected.Probabilities.Select(p => p.Code), Texts(answer.GetProperty("probabilities")));
            Assert.All(expected.Probabilities.Zip(answer.GetProperty("probabilities").EnumerateArray()), p => Assert.Equal(p.First.Probability, p.Second.GetProperty("probability").GetDouble(), 1e-9));
            Assert.All(expected.Members[0].Probabilities.Zip(answer.GetProperty("members")[0].GetProperty("probabilities").EnumerateArray()), p => Assert.Equal(p.First.Probability, p.Second.GetProperty("probability").GetDouble(), 1e-6));
            Assert.Equal((expected.Triage!.Recommendation, string.Join(' ', expected.Triage.Reasons)), (triage.GetProperty("recommendation").GetString()!, string.Join(' ', Texts(triage.GetProperty("reasons")))));
            Assert.Equal(expected.Triage.MalignantProbability, triage.GetProperty("malignantProbability").GetDouble(), 1e-9);
            Assert.Equal(expected.Set!.Codes, Texts(answer.GetProperty("set").GetProperty("codes")));
            Assert.Equal(expected.Warnings.Select(w => w.Code), Texts(answer.GetProperty("warnings")));
        }
    }

    [Fact]
    public async Task A_damaged_model_computes_nothing_and_can_be_downloaded_again()
    {
        await using Gateway gateway = new(App.Address);
        IPage page = await OpenAsync(options: Phone(), address: gateway.Address);
        await page.GetByText("Use without a network").ClickAsync();
        await TurnOnAsync(page);
        await page.GetByLabel("Always on this device").CheckAsync();
        await page.EvaluateAsync(
            """
            async () => {
              const cache = await caches.open((await caches.keys()).find(n => n.startsWith("lentigo-files-")));
              const bytes = new Uint8Array(await (await cache.match("/assets/device-model.onnx")).arrayBuffer());
              bytes[2_000_000] ^= 1;
              await cache.put("/assets/device-model.onnx", new Response(bytes));
            }
            """);
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator("#answer")).ToContainTextAsync("A file on this device is damaged", new() { Timeout = 60_000 });
        await Expect(page.Locator(".answer")).ToHaveCountAsync(0);
        gateway.Requests.Clear();
        await page.GetByRole(AriaRole.Button, new() { Name = "Download again" }).ClickAsync();
        await Expect(page.Locator("#phone:has-text('This device can classify'):not(:has([data-key=repair]))")).ToBeVisibleAsync(new() { Timeout = 60_000 });
        Assert.Equal(["GET /assets/device-model.onnx", "GET /assets/offline.json"], gateway.Requests.Where(r => r.Contains("/assets/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)); // only what was damaged
        await page.Locator("#answer").GetByRole(AriaRole.Button, new() { Name = "Try again" }).ClickAsync();
        await Expect(page.Locator(".answer")).ToContainTextAsync("The image was not sent.", new() { Timeout = 60_000 });
    }

    [Fact]
    public async Task A_new_version_is_announced_and_taken_only_when_the_reader_says_so()
    {
        await using Gateway gateway = new(App.Address);
        // An older service worker, which knows no messages.
        gateway.Changes["/assets/service-worker.js"] = text => text.Replace("event.data === \"protocol\"", "false", StringComparison.Ordinal);
        Rehash(gateway, "/assets/service-worker.js");
        IPage page = await OpenAsync(options: Phone(), address: gateway.Address);
        await page.GetByText("Use without a network").ClickAsync();
        await TurnOnAsync(page);

        gateway.Changes.Clear();
        gateway.Changes["/assets/texts-en.json"] = text => text.Replace("Classify dermoscopy images", "Classify pictures", StringComparison.Ordinal);
        gateway.Changes["/?lang=en"] = text => text.Replace("Classify dermoscopy images", "Classify pictures", StringComparison.Ordinal);
        Rehash(gateway, "/assets/texts-en.json", "/?lang=en");
        await page.ReloadAsync();
        await Expect(page.Locator("#news")).ToContainTextAsync("There is a new version of this page.", new() { Timeout = 60_000 });
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Classify dermoscopy images" })).ToBeVisibleAsync(); // not forced
        await Expect(page.Locator("#phone")).ToContainTextAsync("An older version of this page is still at work");
        await AssertAccessibleAsync(page, "news");
        await SaveAsync(page, "offline-news");
        await page.GetByRole(AriaRole.Button, new() { Name = "Update now" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Classify pictures" })).ToBeVisibleAsync(new() { Timeout = 60_000 });
        await Expect(page.Locator("#news")).ToBeHiddenAsync();
        await Expect(page.Locator("#phone")).Not.ToContainTextAsync("An older version");
        Assert.Equal(2, await page.EvaluateAsync<int>("caches.keys().then(names => names.length)")); // the state and one version

        await page.GetByText("Use without a network").ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Turn off and delete" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Turn on" })).ToBeVisibleAsync();
        Assert.Equal(0, await page.EvaluateAsync<int>("Promise.all([caches.keys(), navigator.serviceWorker.getRegistrations()]).then(lists => lists.flat().length)"));
    }

    [Theory]
    [InlineData("WebAssembly.validate = () => false", "lacks WebAssembly SIMD")]
    [InlineData("navigator.storage.estimate = async () => ({ quota: 10e6, usage: 1e6 })", "There is not enough free storage")]
    [InlineData("Cache.prototype.put = async () => { throw new DOMException('full', 'QuotaExceededError'); }", "There is not enough free storage")]
    [InlineData("navigator.serviceWorker.register = async () => { throw new DOMException('no', 'SecurityError'); }", "does not allow pages to work without a network")]
    public async Task A_device_that_cannot_do_it_says_why_and_keeps_nothing(string fault, string words)
    {
        await using Gateway gateway = new(App.Address);
        IPage page = await OpenAsync(options: Phone(), address: gateway.Address, before: p => p.AddInitScriptAsync(fault));
        await page.GetByText("Use without a network").ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Turn on" }).ClickAsync();
        await Expect(page.Locator("#phone [role=alert]")).ToContainTextAsync(words);
        Assert.DoesNotContain("lentigo-files", await page.EvaluateAsync<string>("caches.keys().then(names => names.join())"), StringComparison.Ordinal);
        await page.ReloadAsync();
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg()); // the service answers as ever
        await Expect(page.Locator(".answer")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task The_page_can_be_installed()
    {
        IPage page = await OpenAsync();
        Uri manifest = new(App.Address, await page.Locator("link[rel=manifest]").GetAttributeAsync("href"));
        using HttpResponseMessage response = await App.Client.GetAsync(manifest, Cancellation);
        Assert.Equal("application/manifest+json", response.Content.Headers.ContentType!.MediaType);
        JsonNode app = JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!;
        Assert.Equal(App.Address, new(manifest, (string)app["start_url"]!));
        Assert.Equal("standalone", (string)app["display"]!);
        foreach (JsonNode icon in app["icons"]!.AsArray().OfType<JsonNode>().Where(i => (string)i["type"]! == "image/png"))
        {
            byte[] png = await App.Client.GetByteArrayAsync(new Uri(manifest, (string)icon["src"]!), Cancellation);
            Assert.Equal((string)icon["sizes"]!, $"{System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16))}x{System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20))}");
        }
    }

    [Fact]
    public async Task What_a_device_keeps_is_listed_with_its_hashes_and_a_runtime_is_given_to_those_who_know_no_Brotli_too()
    {
        JsonNode list = JsonNode.Parse(await App.Client.GetStringAsync(new Uri("assets/offline.json", UriKind.Relative), Cancellation))!;
        JsonNode[] files = [.. list["files"]!.AsArray().OfType<JsonNode>()];
        Assert.Contains(files, f => (string)f["path"]! == "assets/device-model.onnx" && (long)f["bytes"]! < 5_000_000);
        foreach (JsonNode file in files.Concat(list["documents"]!.AsObject().Select(d => d.Value!)))
        {
            // HttpClient asks without Accept-Encoding.
            byte[] content = await App.Client.GetByteArrayAsync(new Uri((string)file["path"]!, UriKind.Relative), Cancellation);
            Assert.Equal((string)file["sha256"]!, Convert.ToHexStringLower(SHA256.HashData(content)));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{files.Length} files, {files.Sum(f => (long)f["bytes"]!) / 1e6:f1} MB to download.");
    }

    private static async Task TurnOnAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "Turn on" }).ClickAsync();
        await Expect(page.Locator("#phone")).ToContainTextAsync("This device can classify without a network", new() { Timeout = 60_000 });
    }

    /// <summary>Lets the list name the hashes of the changed files, and so another version.</summary>
    private void Rehash(Gateway gateway, params string[] paths)
    {
        Dictionary<string, Func<string, string>> changes = gateway.Changes.ToDictionary();
        gateway.Changes["/assets/offline.json"] = text =>
        {
            JsonNode list = JsonNode.Parse(text)!;
            foreach (string path in paths)
            {
                using HttpRequestMessage request = new(HttpMethod.Get, path);
                using HttpResponseMessage response = App.Client.Send(request, Cancellation);
                using StreamReader content = new(response.Content.ReadAsStream(Cancellation));
                JsonNode file = list["files"]!.AsArray().Concat(list["documents"]!.AsObject().Select(d => d.Value)).Single(f => "/" + (string)f!["path"]! == path)!;
                file["sha256"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(changes[path](content.ReadToEnd()))));
            }

            list["version"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(list.ToJsonString())))[..16];
            return list.ToJsonString();
        };
    }

    /// <summary>Photographs where there are some, and drawings of several formats and sizes.</summary>
    private static IEnumerable<(string Name, byte[] File)> Images()
    {
        if (Environment.GetEnvironmentVariable("LENTIGO_DATA") is { } data && Directory.Exists(Path.Combine(data, "samples")))
        {
            foreach (string path in Directory.EnumerateFiles(Path.Combine(data, "samples"), "*.jpg").Order(StringComparer.Ordinal))
            {
                yield return (Path.GetFileName(path), File.ReadAllBytes(path));
            }
        }

        for (int seed = 1; seed <= 6; seed++)
        {
            yield return ($"drawing {seed}.jpg", LesionFiles.Jpeg(seed));
        }

        yield return ("drawing.png", LesionFiles.Of("png"));
        yield return ("drawing.webp", LesionFiles.Of("webp"));
        yield return ("small.png", LesionFiles.Png(90, 70));
        yield return ("wide.png", LesionFiles.Png(1500, 60));
    }
}
