# %%
!echo from the shell; echo to stderr >&2
# %%
%%bash
for i in 1 2 3; do echo $i; done
echo oops >&2
# %%
%%capture captured
print("hidden")
# %%
captured.stdout
# %%
%%html
<em>magic</em>
# %%
lines = !printf 'a\nb\n'
lines
# %% {"tags": ["raises-exception"]}
%no_such_magic
# %%
%env NOTEBOOK_TEST=1
