"""Weights into PyTorch: glia export run -o w.safetensors; python3 weights_into_torch.py w.safetensors"""
import json, struct, sys, torch

raw = bytearray(open(sys.argv[1], "rb").read())
start = 8 + struct.unpack("<Q", raw[:8])[0]
kinds = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
weights = {name: torch.frombuffer(raw[start + e["data_offsets"][0]:start + e["data_offsets"][1]],
                                  dtype=kinds[e["dtype"]]).reshape(e["shape"])
           for name, e in json.loads(raw[8:start]).items() if name != "__metadata__"}
model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
model.load_state_dict({f"{int(name[:2])}.{name.split('.')[1]}": w for name, w in weights.items()})  # 00-linear.bias -> 0.bias
print(model(torch.zeros(1, 2)).tolist())
