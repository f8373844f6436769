--- The programs of this folder, as the build has made them.
local files = require "spec.support.files"

local programs = {}

local core = assert(package.searchpath("tandem.core", package.cpath))

--- Where the build is.
programs.build = assert(core:match("^(.*)/tandem/core%.so$"))

--- A command that is put before each, or nil.
programs.before = nil

--- Where the programs are.
programs.folder = programs.build .. "/tests/embed/"

-- Those that leave a thread parked at the end, as they shall: that is no leak.
local PARKS = { daemon = true, deserted = true }

-- They have a sanitizer within, where one is asked for: its library need not be
-- loaded once more.
local function environment(name)
  local options = os.getenv("ASAN_OPTIONS")
  local list = {
    "env -u LD_PRELOAD -u LUA_PATH_5_4 -u LUA_CPATH_5_4",
    "LUA_PATH=" .. files.quote(package.path),
    "LUA_CPATH=" .. files.quote(package.cpath),
  }
  if options and PARKS[name] then
    list[#list + 1] = "ASAN_OPTIONS=" .. options .. ":detect_leaks=0"
  end
  return table.concat(list, " ")
end

local function path_of(name)
  return name:find("/", 1, true) and name or programs.folder .. name
end

--- Runs a program, of this folder or by its path, with these words as its
-- arguments, under a bound.
-- @return exit code (128 and more: died by a signal), stdout, stderr
function programs.run(name, ...)
  local mark = files.mark()
  local folder = files.directory()
  local words = { environment(name), "timeout 600", programs.before or "",
                  files.quote(path_of(name)) }
  for _, word in ipairs { ... } do words[#words + 1] = files.quote(word) end
  local _, _, code = os.execute(("%s >%s/out 2>%s/err </dev/null"):format(
    table.concat(words, " "), folder, folder))
  local out = files.read(folder .. "/out")
  local err = files.read(folder .. "/err")
  files.remove_all(mark)
  return code, out, err
end

--- The same for one that is to be fine; what else it said on stdout.
function programs.assert_fine(name, ...)
  local code, out, err = programs.run(name, ...)
  assert(code == 0, ("%s ended with code %s: %s%s"):format(name, code, out,
                                                           err))
  assert(err == "", err)
  local said = out:match("^(.*)fine\n$")
  assert(said, out)
  return said
end

return programs
