# --- {"nbclient": {"allow_errors": true}}
# %%
raise RuntimeError("one")
# %%
print("two")
# %%
assert False, "three"
