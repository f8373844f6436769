--- Scripts run as a process of their own, for what ends a process.
local files = require "spec.support.files"
local preload = require "spec.support.preload"
local stranger = require "spec.support.stranger"

-- A shell line that runs Lua with at most `room` threads, its own included.
local function with_few_threads(line, room)
  return ("%s bash -c %s bash %s"):format(stranger.prefix,
    files.quote(stranger.limit:format(room)), line)
end

local function assignments(env)
  local list = {
    "LUA_PATH=" .. files.quote(package.path),
    "LUA_CPATH=" .. files.quote(package.cpath),
  }
  -- A thread left parked at the end, as some shall be, is no leak.
  local sanitizer = os.getenv("ASAN_OPTIONS")
  if sanitizer then
    list[#list + 1] = "ASAN_OPTIONS=" .. sanitizer .. ":detect_leaks=0"
  end
  for name, value in pairs(env or {}) do
    list[#list + 1] = name .. "=" .. files.quote(value)
  end
  return "env -u LUA_PATH_5_4 -u LUA_CPATH_5_4 " .. table.concat(list, " ")
end

--- Run `source` as a Lua script under a bound of two minutes.
--
-- `options.env`: more environment; `options.memory`: `ulimit -v`, in KiB;
-- `options.threads`: the most threads it may have; `options.prefix`: a command
-- put before it; `options.terminal`: its output goes to a terminal.
-- @return exit code (128 and more: died by a signal), stdout, stderr
local function run_script(source, options)
  options = options or {}
  local mark = files.mark()
  local directory = files.directory()
  local path = files.write(directory .. "/script.lua", source)
  os.execute("chmod -R a+rX " .. directory)

  local line = ("%s %s"):format(preload.lua, path)
  if options.memory then
    line = ("sh -c %s"):format(
      files.quote(("ulimit -v %d; exec %s"):format(options.memory, line)))
  elseif options.threads then
    line = with_few_threads(line, options.threads)
  elseif options.terminal then
    line = ("env SHELL=/bin/sh script -qefc %s /dev/null"):format(
      files.quote(line))
  end
  line = (options.prefix or "") .. " " .. line

  local _, _, code = os.execute(
    ("%s timeout 120 %s >%s/out 2>%s/err </dev/null"):format(
      assignments(options.env), line, directory, directory))
  local out = files.read(directory .. "/out")
  local err = files.read(directory .. "/err")
  files.remove_all(mark)
  return code, out, err
end

return run_script
