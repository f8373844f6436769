std = "lua54"
max_line_length = 80
-- `local pool <close>` is there for its end, used or not.
unused_args = true
self = false
include_files = { "bindings/**/*.lua", "scripts/**/*.lua", "scripts/tandem",
                  "tests/**/*.lua", "*.rockspec", ".luacheckrc", ".busted" }
files["tests/spec"] = { std = "lua54+busted" }
files["*.rockspec"] = { std = "rockspec" }
files["tests/hosts"] = { std = "lua54+busted" }
-- What these hosts give to their scripts, and what they call there.
files["scripts/examples/lighttpd"] = { globals = { "lighty" } }
files["tests/hosts/probe/lighttpd.lua"] = { globals = { "lighty" } }
files["**/mod_*.lua"] = { globals = { "module" } }
files["**/prosody.cfg.lua"] = { std = "none", ignore = { "111", "113", "131" } }
for _, path in ipairs { "scripts/examples/dovecot/auth.lua",
                        "tests/hosts/probe/dovecot.lua" } do
  files[path] = {
    read_globals = { "dovecot" },
    globals = { "script_init", "script_deinit", "auth_password_verify" },
  }
end
