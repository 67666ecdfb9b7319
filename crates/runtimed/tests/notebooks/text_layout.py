# %%
print("  indented")
print("\ta\ttab")
print("blank lines\n\n\nbetween")
# %%
print("")
# %%
print("end without newline", end="")
# %%
print("windows\r\nline ends\r\n", end="")
# %%
print("a" * 7000)
print("b" * 150, "c" * 150)
# %%
import sys
sys.stdout.write("word " * 1000)
