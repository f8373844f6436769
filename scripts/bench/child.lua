--- Samples taken in a program of their own: CPython's, and those of memory,
-- where what an earlier sample left to the allocator would hide the next.
-- Such a program prints its figures as one JSON list; its start is not timed.

local child = {}

local folder = assert(package.searchpath("bench.child", package.path))
  :match("^(.*)/[^/]*$")

local function quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

--- The standard output of a shell command without its last newline, or nil and
-- how the command failed.
function child.output(command)
  local pipe <close> = assert(io.popen(command, "r"))
  local text = pipe:read("a"):gsub("\n$", "")
  local ok, how, code = pipe:close()
  if not ok then return nil, how .. " " .. code .. ": " .. command end
  return text
end

--- The interpreter that runs this script, quoted for the shell.
function child.lua_program()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return quote(first < 0 and arg[first] or "lua5.4")
end

local function figures(command)
  local list = require "cjson".decode(assert(child.output(command)))
  return table.unpack(list)
end

--- Figures of `probe.lua`, run with this script's own module paths.
function child.probe(...)
  local words = {
    "LUA_PATH_5_4=" .. quote(package.path),
    "LUA_CPATH_5_4=" .. quote(package.cpath),
    child.lua_program(),
    quote(folder .. "/probe.lua"),
  }
  for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
  return figures(table.concat(words, " "))
end

function child.has_python()
  return (os.execute("command -v python3 >/dev/null 2>&1")) == true
end

--- The interpreter itself: what is called python3 may be a slow script.
local function python_program()
  local print_path = quote("import sys; print(sys.executable)")
  return assert(child.output("python3 -c " .. print_path))
end

local python

--- Figures of `counterpart.py`; `words` names the pool, the benchmark, and its
-- settings.
function child.python(words)
  python = python or quote(python_program())
  local script = quote(folder .. "/counterpart.py")
  return figures(python .. " -B " .. script .. " " .. words)
end

return child
