"""The network and its mixtures: the only room that knows keras."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow otherwise greets on every start
