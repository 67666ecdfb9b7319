# %%
print("first")
# %%
raise RuntimeError("stop here")
# %% {"outputs": [{"output_type": "stream", "name": "stdout", "text": ["of an earlier run\n"]}], "execution_count": 7}
print("never")
