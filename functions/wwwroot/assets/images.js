// Makes a chosen file ready to be sent: recognised by its content, without metadata, no larger than need be.
import { call, maxBytes, ServiceError } from "./api.js";

/** Photos are scaled so that their longer side has this many pixels: many times what a model sees. */
const maxSide = 2048;
const maxPixels = 200_000_000;

/**
 * A file as `{ blob, picture, width, height, scaled }`: what is sent, what is shown (null where the browser cannot show it) and its size where known.
 * With `isLocal` nothing is sent for it.
 */
export async function prepare(file, signal, isLocal = false) {
  if (file.size === 0) {
    throw new ServiceError("no-image");
  }

  const kind = await kindOf(file);
  if (kind === "pdf" || kind === "unknown") {
    throw new ServiceError(kind === "unknown" ? "unsupported-image" : kind);
  }

  const isOpaque = kind === "tiff" || kind === "dicom";
  if (isOpaque && isLocal) {
    throw new ServiceError("device.tiff");
  }

  const prepared = isOpaque ? await opaque(kind === "tiff" ? file.slice(0, file.size, "image/tiff") : await dicom(file), signal) : kind === "heic" ? await fromPixels(await heic(file, signal)) : await fromBrowser(file, kind);
  if (prepared.blob.size > maxBytes) {
    throw new ServiceError("image-too-large");
  }

  return prepared;
}

async function kindOf(file) {
  const head = new Uint8Array(await file.slice(0, 140).arrayBuffer());
  const ascii = (from, to) => String.fromCharCode(...head.subarray(from, to));
  if (ascii(0, 3) === "\xff\xd8\xff") return "jpeg";
  if (ascii(0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  if (ascii(0, 4) === "RIFF" && ascii(8, 12) === "WEBP") return "other";
  if (/^(II[*+]\0|MM\0[*+])/.test(ascii(0, 4))) return "tiff";
  if (ascii(0, 5) === "%PDF-") return "pdf";
  if (ascii(128, 132) === "DICM") return "dicom";
  if (ascii(4, 8) === "ftyp") return /avif|avis/.test(ascii(8, 32)) ? "other" : /hei[cxms]|hev[cxms]|mif1|msf1/.test(ascii(8, 32)) ? "heic" : "unknown";
  return ascii(0, 3) === "GIF" || ascii(0, 2) === "BM" ? "other" : "unknown";
}

/** What the browser can decode. A JPEG or PNG file that is small and upright keeps its pixels as they are and loses its metadata only. */
async function fromBrowser(file, kind) {
  const bytes = kind === "jpeg" || kind === "png" ? new Uint8Array(await file.arrayBuffer()) : null;
  const stripped = kind === "jpeg" ? withoutJpegMetadata(bytes) : kind === "png" ? withoutPngMetadata(bytes) : null;
  if (kind === "png" && pngPixels(bytes) > maxPixels) {
    throw new ServiceError("too-many-pixels"); // the browser would need gigabytes
  }

  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new ServiceError("unreadable-image");
  }

  try {
    const { width, height } = bitmap;
    if (Math.max(width, height) <= maxSide && stripped !== null) {
      const blob = new Blob([stripped], { type: `image/${kind}` });
      return { blob, picture: blob, width, height, scaled: false };
    }

    return await draw(bitmap, width, height, kind === "other" && Math.max(width, height) <= maxSide ? "image/png" : "image/jpeg");
  } finally {
    bitmap.close();
  }
}

async function fromPixels({ width, height, pixels }) {
  const bitmap = await createImageBitmap(new ImageData(new Uint8ClampedArray(pixels), width, height));
  try {
    return await draw(bitmap, width, height, "image/jpeg");
  } finally {
    bitmap.close();
  }
}

async function draw(bitmap, width, height, type) {
  const factor = Math.min(1, maxSide / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * factor));
  canvas.height = Math.max(1, Math.round(height * factor));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise(resolve => canvas.toBlob(resolve, type, 0.95));
  if (blob === null) {
    throw new ServiceError("too-many-pixels");
  }

  return { blob, picture: blob, width: canvas.width, height: canvas.height, scaled: factor < 1 };
}

/** Browsers show neither TIFF nor DICOM: the file is sent without being scaled, and the service makes the picture. */
async function opaque(blob, signal) {
  if (blob.size > maxBytes) {
    throw new ServiceError("image-too-large");
  }

  const picture = await call("api/preview", { method: "POST", body: blob, type: blob.type, signal }).then(response => response.blob(), error => {
    if (signal?.aborted) {
      throw error;
    }

    return null; // what is wrong is told by the classification that follows
  });
  return { blob, picture, scaled: false };
}

/** Of a DICOM file the pixels alone, without anything about the patient. */
async function dicom(file) {
  if (file.size > 5 * maxBytes) {
    throw new ServiceError("image-too-large");
  }

  const { pixelsAlone } = await import("./dicom.js");
  const blob = pixelsAlone(new Uint8Array(await file.arrayBuffer()));
  if (blob === null) {
    throw new ServiceError("dicom");
  }

  return blob;
}

async function heic(file, signal) {
  if (file.size > 5 * maxBytes) {
    throw new ServiceError("image-too-large");
  }

  const worker = new Worker("assets/heic-worker.js");
  try {
    const bytes = await file.arrayBuffer();
    const answer = await new Promise((resolve, reject) => {
      worker.onmessage = event => resolve(event.data);
      worker.onerror = () => resolve({ failed: "heic" });
      signal?.addEventListener("abort", () => reject(signal.reason));
      worker.postMessage({ bytes, maxPixels }, [bytes]);
    });
    if (answer.failed) {
      throw new ServiceError(answer.failed);
    }

    return answer;
  } finally {
    worker.terminate();
  }
}

/** A JPEG file without EXIF, XMP, IPTC and comments; null where it must be drawn anew: turned by EXIF, or not understood. ICC profiles and Adobe's colour mark stay. */
function withoutJpegMetadata(bytes) {
  const parts = [bytes.subarray(0, 2)];
  for (let at = 2; at + 4 <= bytes.length;) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff) {
      return null;
    }

    if (marker === 0xda) {
      parts.push(bytes.subarray(at));
      return new Blob(parts);
    }

    const end = at + 2 + (bytes[at + 2] << 8 | bytes[at + 3]);
    if (marker === 0xe1 && orientation(bytes.subarray(at + 4, end)) > 1) {
      return null;
    }

    const isKept = marker < 0xe0 || marker > 0xfe || marker === 0xe0 || marker === 0xe2 || marker === 0xee || marker >= 0xf0 && marker < 0xfe;
    if (isKept) {
      parts.push(bytes.subarray(at, end));
    }

    at = end;
  }

  return null;
}

/** The orientation that an EXIF segment tells (CIPA DC-008), or 1. */
function orientation(segment) {
  if (segment.length < 14 || String.fromCharCode(...segment.subarray(0, 4)) !== "Exif") {
    return 1;
  }

  const view = new DataView(segment.buffer, segment.byteOffset + 6, segment.length - 6);
  const little = view.getUint16(0) === 0x4949;
  try {
    const directory = view.getUint32(4, little);
    for (let i = 0; i < view.getUint16(directory, little); i++) {
      const entry = directory + 2 + 12 * i;
      if (view.getUint16(entry, little) === 0x0112) {
        return view.getUint16(entry + 8, little);
      }
    }
  } catch {
    return 2; // broken EXIF: drawn anew, as the browser understands it
  }

  return 1;
}

const textChunks = new Set(["tEXt", "zTXt", "iTXt", "eXIf", "tIME"]);

/** A PNG file without its texts, times and EXIF; null where it is not understood. */
function withoutPngMetadata(bytes) {
  const view = new DataView(bytes.buffer);
  const parts = [bytes.subarray(0, 8)];
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === "eXIf") {
      return null; // it may turn the image
    }

    if (!textChunks.has(type)) {
      parts.push(bytes.subarray(at, end));
    }

    at = end;
  }

  return new Blob(parts);
}

const pngPixels = bytes => bytes.length < 24 ? 0 : new DataView(bytes.buffer).getUint32(16) * new DataView(bytes.buffer).getUint32(20);
