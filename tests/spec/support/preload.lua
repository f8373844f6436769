--- How to start the Lua that runs this once more.
--
-- A stock Lua loads a sanitized module once it has the sanitizer's library.
-- Whoever runs the specs so tells which it is by TANDEM_PRELOAD. The library is
-- for Lua alone: shells crash under TSan, and leak under ASan.
local files = require "spec.support.files"

local preload = {}

local library = os.getenv("TANDEM_PRELOAD")

-- The shell of popen is a child of this very process. Where that was started
-- by the dynamic linker, its own name tells what Lua it is.
local function interpreter()
  local pipe <close> = assert(io.popen("readlink /proc/$PPID/exe"))
  local path = pipe:read("l")
  return path:find("/ld[-.]") and _G.arg[-1] or path
end

--- The words that start Lua, with the library where there is one.
preload.lua = (library and "env LD_PRELOAD=" .. library .. " " or "")
              .. files.quote(interpreter())

-- The dynamic linker gives the library to one program, not to its children.
local function linker()
  local pipe <close> = assert(io.popen(
    "ls /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* 2>/dev/null"))
  return pipe:read("l")
end

--- The same for a Lua that starts programs of its own, which a sanitizer that
-- they inherit would make crash.
preload.lua_alone = not library and preload.lua
  or ("%s --preload %s %s"):format(linker(), library,
                                   files.quote(interpreter()))

--- The words before a shell that shall do without the library. A thread left
-- parked at the end, as some shall be, is no leak.
preload.without = ("env -u LD_PRELOAD ASAN_OPTIONS=%s:detect_leaks=0")
                  :format(os.getenv("ASAN_OPTIONS") or "")

return preload
