// What a Node.js developer would write: express, sharp and onnxruntime-node. Arguments: the ONNX graph, its input size, the port.
import express from 'express';
import ort from 'onnxruntime-node';
import sharp from 'sharp';

const [graph, size, port] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const session = await ort.InferenceSession.create(graph);
const codes = ['akiec', 'bcc', 'bkl', 'df', 'mel', 'nv', 'vasc'];
sharp.cache(false);

const app = express();
app.post('/api/predict', express.raw({ type: () => true, limit: '20mb' }), async (request, response) => {
  try {
    const pixels = await sharp(request.body).flatten({ background: '#fff' }).toColourspace('srgb')
      .resize(size, size, { fit: 'fill', kernel: 'linear' }).removeAlpha().raw().toBuffer();
    const image = new ort.Tensor('uint8', new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.length), [1, size, size, 3]);
    const { probabilities } = await session.run({ image }, ['probabilities']);
    response.json(codes.map((code, i) => ({ code, probability: probabilities.data[i] })).sort((a, b) => b.probability - a.probability));
  } catch (error) {
    response.status(422).json({ error: String(error) });
  }
});
app.listen(port, '127.0.0.1');
