# --- {"nbclient": {"coalesce_streams": true}}
# %%
import sys
for percent in range(0, 101, 5):
    print(f"\r{'#' * (percent // 5):<20} {percent:3d}%", end="", flush=True)
print()
# %%
for i in range(5):
    sys.stderr.write(f"\rworking {i}")
sys.stderr.write("\rfinished now\n")
sys.stderr.flush()
