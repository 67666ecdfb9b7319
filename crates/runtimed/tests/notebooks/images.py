# %%
import base64, struct, zlib
from IPython.display import SVG, Image, display

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def png(width, height):
    rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(width * 3)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

Image(data=png(4, 4))
# %%
display(Image(data=png(200, 150), width=100, height=75))
# %%
Image(data=bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9"), format="jpeg")
# %%
SVG('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10">\n  <circle r="4" cx="5" cy="5"/>\n</svg>')
# %%
Image(data=base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"), format="gif")
