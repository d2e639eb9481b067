"""What the paper's authors have: a Flask page over PyTorch. Random weights cost what trained ones do.

gunicorn -w 2 -b 127.0.0.1:PORT flask_app:app
"""
import io

import numpy
import torch
from flask import Flask, jsonify, request
from PIL import Image
from torchvision.models import mobilenet_v2, resnet18

SIZE = 64
CODES = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
torch.set_num_threads(1)  # a process for each core
networks = [resnet18(num_classes=7).eval(), mobilenet_v2(num_classes=7).eval()]
app = Flask(__name__)


@app.post("/api/predict")
def predict():
    try:
        image = Image.open(io.BytesIO(request.get_data())).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    except OSError as error:
        return jsonify(error=str(error)), 422
    pixels = torch.from_numpy(numpy.asarray(image, dtype=numpy.float32)).permute(2, 0, 1).unsqueeze(0)
    with torch.inference_mode():
        logits = sum(network((pixels / 255 - 0.5) / 0.5) for network in networks) / len(networks)
        probabilities = torch.softmax(logits, 1)[0].tolist()
    ranked = sorted(zip(CODES, probabilities), key=lambda pair: -pair[1])
    return jsonify([{"code": code, "probability": probability} for code, probability in ranked])
