# Leaves an environment and a package in the home; their programs write down what they see of this machine's secrets.
import os, sys

home = os.path.expanduser("~")
secrets = f"cat {home}/config/runt/* {home}/state/runt/*; ls {home}/state/runt"
look = f"( echo looks; {secrets} ) > {home}/seen-$$ 2> /dev/null; mv {home}/seen-$$ {home}/seen-by-$WHO"


def leave(path, text):
    path = os.path.join(home, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)


leave(".virtualenvs/left/pyvenv.cfg", "")
leave(".virtualenvs/left/bin/python", f"""#!/bin/sh
WHO=interpreter; {look}
exec {sys.executable} "$@"
""")
leave("package/pyproject.toml", """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "left-package"
version = "1"
""")
leave("package/backend.py", f"LOOK = {look!r}" + """
import os, zipfile

os.system("WHO=build; " + LOOK)


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "left_package-1-py3-none-any.whl", "left_package-1.dist-info/"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("left_package.py", "WHO = 'the package'")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: left-package\\nVersion: 1\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: us\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
""")
print("left")
