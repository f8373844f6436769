-- check-rockspec.lua -- the rockspec lists exactly the files that exist, and
-- agrees with the changelog and the module on the version.
--
--     lua5.4 scripts/dev/check-rockspec.lua [--fix]
--
-- The rockspec's `builtin` build takes lists, not wildcards, so a new file is
-- easily forgotten. `--fix` writes the lists anew, between their marks.

local failures = 0

local function fail(format, ...)
  io.stderr:write("rockspec: ", format:format(...), "\n")
  failures = failures + 1
end

local function lines_of(command)
  local pipe <close> = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  return list
end

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

--- "bindings/tandem/map.lua" -> "tandem.map": where `require` looks for it.
local function module_name(path)
  return (path:gsub("^scripts/tasks/", "tandem_cli/tasks/")
    :gsub("^bindings/", ""):gsub("^scripts/", "")
    :gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

-- The twins of core/ stand in for other files, in builds of our own only.
local sources = lines_of("ls core/*.c bindings/*.c | grep -v '_locked\\.c$'")
local modules = lines_of("find bindings/tandem scripts/tandem_cli " ..
  "scripts/tasks -name '*.lua' | LC_ALL=C sort")

--- Replace what stands between `-- NAME begin` and `-- NAME end`.
local function rewrite(text, name, lines)
  local mark = "( *)(%-%- " .. name .. " begin[^\n]*\n)"
  local first, last, indent = text:find(mark)
  local stop = text:find("\n *%-%- " .. name .. " end", first)
  return text:sub(1, last) .. indent ..
    table.concat(lines, "\n" .. indent) .. text:sub(stop)
end

local function fix(path)
  local c_lines, lua_lines = {}, {}
  for i, file in ipairs(sources) do c_lines[i] = ("%q,"):format(file) end
  for i, file in ipairs(modules) do
    lua_lines[i] = ("[%q] = %q,"):format(module_name(file), file)
  end
  local text = read(path)
  text = rewrite(text, "sources", c_lines)
  text = rewrite(text, "modules", lua_lines)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

--- The files that the rockspec names, as path -> name of the module.
local function listed(rockspec)
  local set = {}
  for name, what in pairs(rockspec.build.modules) do
    for _, path in ipairs(what.sources or { what }) do
      if set[path] then fail("%s is listed twice", path) end
      set[path] = name
    end
  end
  return set
end

local function check_files(rockspec)
  local have = listed(rockspec)
  local function check(path, name)
    if have[path] ~= name then fail("%s is not listed as %s", path, name) end
    have[path] = nil
  end
  for _, path in ipairs(sources) do check(path, "tandem.core") end
  for _, path in ipairs(modules) do check(path, module_name(path)) end
  for path in pairs(have) do fail("%s is listed and is not there", path) end
end

local function check_version(rockspec, path)
  local version = rockspec.version:match("^(.*)%-%d+$")
  if path ~= ("tandem-%s.rockspec"):format(rockspec.version) then
    fail("%s does not carry its version, %s", path, rockspec.version)
  end
  local newest = read("CHANGELOG.md"):match("\n## (%S+)")
  if newest ~= version then
    fail("version %s, but CHANGELOG.md begins with %s", version, newest)
  end
  local tandem = require "tandem"
  if not tandem._VERSION:find(version, 1, true) then
    fail("version %s, but tandem._VERSION is %s", version, tandem._VERSION)
  end
end

local path = assert(lines_of("ls *.rockspec")[1], "there is no rockspec")
if arg[1] == "--fix" then fix(path) end
local rockspec = {}
assert(loadfile(path, "t", rockspec))()
check_files(rockspec)
if arg[1] ~= "--fix" then check_version(rockspec, path) end
os.exit(failures == 0)
