--- The sanitizer's library is for Lua alone.
--
-- A stock Lua loads a sanitized module once it has the sanitizer's library.
-- Whoever runs the specs so tells which it is by TANDEM_PRELOAD, and gives it
-- to Lua by `ld.so --preload`, not by LD_PRELOAD: that is inherited by what Lua
-- starts, and shells crash under TSan.
local preload = {}

local library = os.getenv("TANDEM_PRELOAD")

--- The words to put before a command that shall have the library as well.
preload.command = library and "env LD_PRELOAD=" .. library or ""

return preload
