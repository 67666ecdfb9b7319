# %%
print("\x1b[31mred\x1b[0m \x1b[1;32mbold green\x1b[0m \x1b[38;5;208morange\x1b[0m \x1b[48;2;10;20;30mtrue\x1b[0m")
# %%
print("will be erased\r\x1b[Kkept")
print("one\ntwo\nthree\x1b[2A\rONE")
print("\n\n", end="")
# %%
for c in "|/-\\" * 3:
    print(c, end="\b", flush=True)
print("finished")
# %%
print("abc\b\bXY")
