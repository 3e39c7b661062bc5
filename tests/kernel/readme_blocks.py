#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""readme_blocks.py README FOLDER

Writes each code block whose first line is a comment that begins with a file's name (`/* hello.c: …`,
`// feed.cc`, `# relay.yaml`) to that file, and every command of the shell's blocks, without `sudo`
and comments, to the file `commands`.
"""
import pathlib
import re
import sys

BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)
NAMED = re.compile(r'(?:/\*|//|#)\s*([\w.-]+\.(?:c|cc|yaml))\b')

readme, folder = map(pathlib.Path, sys.argv[1:3])
commands = []
for language, text in BLOCK.findall(readme.read_text(encoding='utf-8')):
    named = NAMED.match(text)
    if named:
        path = folder / named[1]
        if path.exists():
            sys.exit(f'{readme}: {named[1]} is there twice')
        path.write_text(text, encoding='utf-8')
    elif language == 'sh':
        for line in text.splitlines():
            command = re.sub(r'\s+#.*', '', line).strip().removeprefix('sudo ')
            if command:
                commands.append(command)
    elif language in ('c', 'cpp', 'yaml'):
        sys.exit(f'{readme}: a block of {language} does not begin with the name of a file:\n{text}')
(folder / 'commands').write_text('\n'.join(commands) + '\n', encoding='utf-8')
