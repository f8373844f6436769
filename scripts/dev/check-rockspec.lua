-- check-rockspec.lua -- the rockspec, the changelog and the module agree on the
-- version, and `make install`, which the rockspec calls, leaves no file out.
--
--     lua5.4 scripts/dev/check-rockspec.lua

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

--- "bindings/tandem/map.lua" -> "tandem/map.lua": where it is installed.
local function installed_name(path)
  return (path:gsub("^scripts/tasks/", "tandem_cli/tasks/")
    :gsub("^bindings/", ""):gsub("^scripts/", ""))
end

--- What `make install` puts below a directory, as a set of paths in it.
local function installed()
  local set = {}
  local root = lines_of("mktemp -d")[1]
  lines_of(("make -s MODE=lint install DESTDIR=%s BINDIR=/bin LIBDIR=/lib "
    .. "LUADIR=/lua DOCDIR=/doc"):format(root))
  for _, path in ipairs(lines_of("cd " .. root .. " && find . -type f")) do
    set[path:sub(3)] = true
  end
  lines_of("rm -rf " .. root)
  return set
end

local function check_files()
  local have = installed()
  local function check(path)
    if not have[path] then fail("make install leaves out %s", path) end
  end
  for _, path in ipairs(lines_of("find bindings/tandem scripts/tandem_cli "
    .. "scripts/tasks -name '*.lua'")) do
    check("lua/" .. installed_name(path))
  end
  check("lib/tandem/core.so")
  check("lib/tandem/tandem-worker")
  check("bin/tandem")
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
local rockspec = {}
assert(loadfile(path, "t", rockspec))()
check_files()
check_version(rockspec, path)
os.exit(failures == 0)
