#!/usr/bin/python3
"""A detector for `aihub --detector`: faces and number plates by OpenCV's cascades.

    apt-get install python3-opencv opencv-data
    aihub mask image in.jpg out.jpg --detector ./find-faces-and-plates.py

Reads a picture's path from each line of its standard input and answers with a line of
JSON. Boxes are a quarter wider than what was found. Cascades are old and quick: they
miss faces from the side, small or dark ones, and the plates are those of Russia's form.
A better detector speaks the same two lines.
"""
import json
import os
import sys

import cv2

CASCADES = os.environ.get("CASCADES", "/usr/share/opencv4/haarcascades")
MODELS = [("face", "haarcascade_frontalface_default.xml"), ("plate", "haarcascade_russian_plate_number.xml")]
MARGIN = 1 / 8  # of a side, at each end


def load(name):
    model = cv2.CascadeClassifier(os.path.join(CASCADES, name))
    if model.empty():
        sys.exit(f"no cascade {name} in {CASCADES}: apt-get install opencv-data")
    return model


def find(models, path):
    with open(path, "rb") as f:
        png = f.read(4) == b"\x89PNG"
    # Upright as aihub has it: it turns a JPEG as its EXIF says, and no PNG.
    picture = cv2.imread(path, cv2.IMREAD_GRAYSCALE | (cv2.IMREAD_IGNORE_ORIENTATION if png else 0))
    if picture is None:
        return {"error": "OpenCV cannot read this picture"}
    boxes = []
    for kind, model in models:
        for x, y, w, h in model.detectMultiScale(picture, scaleFactor=1.1, minNeighbors=4, minSize=(20, 12)):
            dx, dy = w * MARGIN, h * MARGIN
            left, top = max(0, int(x - dx)), max(0, int(y - dy))
            boxes.append({"x": left, "y": top, "w": int(x + w + dx) - left, "h": int(y + h + dy) - top, "kind": kind})
    return {"boxes": boxes, "path": path}


def main():
    models = [(kind, load(name)) for kind, name in MODELS]
    for line in sys.stdin:
        print(json.dumps(find(models, line.rstrip("\n"))), flush=True)


main()
