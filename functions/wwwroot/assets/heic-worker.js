// Decodes a HEIC photo with libheif (notice.txt), away from the page. Takes a file's bytes; answers { width, height, pixels } or { failed }.
importScripts("libheif.js");

const ready = new Promise((resolve, reject) => {
  const module = libheif({ locateFile: name => name, onRuntimeInitialized: () => resolve(module), onAbort: reject, print() {}, printErr() {} });
});

onmessage = async ({ data }) => {
  try {
    const [image] = new (await ready).HeifDecoder().decode(new Uint8Array(data.bytes));
    const width = image.get_width(), height = image.get_height();
    if (width * height > data.maxPixels) {
      postMessage({ failed: "pixels" });
      return;
    }

    const picture = { data: new Uint8ClampedArray(width * height * 4), width, height };
    image.display(picture, shown => {
      if (shown) {
        postMessage({ width, height, pixels: shown.data.buffer }, [shown.data.buffer]);
      } else {
        postMessage({ failed: "heic" });
      }
    });
  } catch {
    postMessage({ failed: "heic" });
  }
};
