-- Start it with PORT and SITE, the folder of these files, in the environment:
--
--     PORT=5280 SITE=$PWD LUA_PATH="$PWD/?.lua;;" \
--       prosody -F --config $PWD/prosody.cfg.lua
--
-- LUA_PATH, and LUA_CPATH where tandem is not installed in a place that Lua
-- knows, hold for the modules and for the workers of their pools.
local data = ENV_DATA or ENV_SITE

plugin_paths = { ENV_SITE }
data_path = data
pidfile = data .. "/prosody.pid"
log = { info = data .. "/prosody.log" }
-- Prosody asks for a user of its own. Root is for tests in a container.
run_as_root = ENV_AS_ROOT == "yes"

modules_enabled = { "posix", "http" }
modules_disabled = { "c2s", "s2s", "offline" } -- this is about HTTP alone
http_interfaces = { "127.0.0.1" }
http_ports = { tonumber(ENV_PORT) }
https_ports = {}
http_default_host = "localhost"

VirtualHost "localhost"
modules_enabled = { "primes" }
