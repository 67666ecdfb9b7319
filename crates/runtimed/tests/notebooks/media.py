# %%
from IPython.display import display
import base64
wave = base64.b64encode(b"RIFF" + bytes(2000)).decode()
display({"audio/wav": wave, "text/plain": "audio"}, raw=True)
display({"video/mp4": wave, "text/plain": "video"}, raw=True)
# %%
display({"application/vnd.apache.arrow.stream": wave, "text/plain": "arrow"}, raw=True)
# %%
display({"application/pdf": wave, "text/plain": "pdf"}, raw=True)
