"""The Space: mnistlab's server at the port that Hugging Face expects."""

import os

from mnistlab.app.server import serve

if __name__ == "__main__":
    serve(host="0.0.0.0", port=int(os.environ.get("PORT", "7860")))
