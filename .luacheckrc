std = "lua54"
max_line_length = 80
-- `local pool <close>` is there for its end, used or not.
unused_args = true
self = false
include_files = { "bindings/**/*.lua", "scripts/**/*.lua", "scripts/tandem",
                  "tests/**/*.lua", "*.rockspec", ".luacheckrc", ".busted" }
files["tests/spec"] = { std = "lua54+busted" }
files["*.rockspec"] = { std = "rockspec" }
