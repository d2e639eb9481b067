// Decodes a HEIC photo with libheif (notice.txt), away from the page. Takes a file's bytes; answers { width, height, pixels } or { failed }.
importScripts("libheif.js");

const ready = new Promise((resolve, reject) => {
  const module = libheif({ locateFile: name => name, onRuntimeInitialized: () => setTimeout(() => resolve(module)), onAbort: reject, print() {}, printErr() {} });
});

onmessage = async ({ data }) => {
  try {
    if (!isWhole(new DataView(data.bytes))) {
      postMessage({ failed: "heic" });
      return;
    }

    const [image] = new (await ready).HeifDecoder().decode(new Uint8Array(data.bytes));
    const width = image.get_width(), height = image.get_height();
    if (width * height > data.maxPixels) {
      postMessage({ failed: "too-many-pixels" });
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

/** Whether the file's boxes (ISO/IEC 14496-12, 4.2) end where the file does. libheif decodes what a truncated file lacks to grey, which would be classified. */
function isWhole(view) {
  let at = 0;
  while (at + 8 <= view.byteLength) {
    const size = view.getUint32(at);
    const isLast = size === 0 && view.getUint32(at + 4) === 0x6d646174; // 'mdat' up to the end
    at += isLast ? view.byteLength - at : size === 1 && at + 16 <= view.byteLength ? Number(view.getBigUint64(at + 8)) : Math.max(size, 8);
    if (size === 0 && !isLast) {
      return false;
    }
  }

  return at === view.byteLength;
}
