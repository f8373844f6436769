--- The programs of this folder, as the build has made them.
local files = require "spec.support.files"

local programs = {}

local core = assert(package.searchpath("tandem.core", package.cpath))

--- Where the build is.
programs.build = assert(core:match("^(.*)/tandem/core%.so$"))

--- Where the programs are.
programs.folder = programs.build .. "/tests/embed/"

-- They have a sanitizer within, where one is asked for: its library need not be
-- loaded once more.
local function environment()
  return ("env -u LUA_PATH_5_4 -u LUA_CPATH_5_4 LUA_PATH=%s LUA_CPATH=%s")
    :format(files.quote(package.path), files.quote(package.cpath))
end

--- Runs a program with these words as its arguments, under a bound.
-- @return exit code (128 and more: died by a signal), stdout, stderr
function programs.run(name, ...)
  local mark = files.mark()
  local folder = files.directory()
  local words = { environment(), "env -u LD_PRELOAD timeout 120",
                  files.quote(programs.folder .. name) }
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
