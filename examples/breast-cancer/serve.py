"""The model as MLServer runs it: 30 features of a sample in, the probability of malignancy out."""
import pathlib

import xgboost
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse

FEATURES = 30


class XGBoostModel(MLModel):
    async def load(self) -> bool:
        path = pathlib.Path(__file__).resolve().parent / "model.ubj"
        # One thread: a row is too little work to share, and a gate compares two servers on one machine.
        self._booster = xgboost.Booster(params={"nthread": 1}, model_file=path)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        named = [tensor for tensor in payload.inputs if tensor.name == "features"]
        if len(named) != 1:
            raise InferenceError("exactly one input named `features` is expected")
        rows = decode(named[0])
        probability = self._booster.inplace_predict(rows).reshape(-1, 1)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output("probability", probability)],
        )


def decode(tensor):
    if tensor.datatype != "FP32" or len(tensor.shape) != 2 or tensor.shape[1] != FEATURES:
        raise InferenceError(f"`features` must be FP32 of shape [n, {FEATURES}], not {tensor.datatype} {tensor.shape}")
    try:
        return NumpyCodec.decode_input(tensor)
    except ValueError as error:  # fewer or more numbers than the shape says
        raise InferenceError(f"`features` cannot be read: {error}") from error
