--- What all hosts under test have in common: code runs in their Lua state.
--
-- A kind of host gives `start(server, options)`, which starts it and waits
-- until it answers; `trigger(server, path)`, which makes its probe run a file;
-- and `reload(server)`. See hosts.support.lighttpd and the others.
local files = require "spec.support.files"
local lfs = require "lfs"
local processes = require "spec.support.processes"
local server = require "hosts.support.server"

local host = {}
host.__index = host

local function folder_of(module)
  local path = assert(package.searchpath(module, package.path))
  path = path:match("^(.*)/[^/]*$")
  if path:match("^/") then return path end
  return lfs.currentdir() .. "/" .. path:gsub("^%./", "")
end

--- The folder of the probes, and that of the examples.
host.probes = folder_of "hosts.probe.probe"
host.examples = folder_of "examples.first"

--- A copy of an example's folder, in which something of one file is different:
-- its limits are meant for a machine that is not busy.
function host.copy(example, name, old, new)
  local folder = files.directory()
  assert(os.execute(("cp %s/* %s"):format(
    files.quote(host.examples .. "/" .. example), files.quote(folder))))
  local path = folder .. "/" .. name
  local text = files.read(path)
  local first, last = text:find(old, 1, true)
  files.write(path, text:sub(1, first - 1) .. new .. text:sub(last + 1))
  return folder
end

--- Start a host of a kind. `options.env`: more environment; others are the
-- kind's own.
function host.start(kind, options)
  local self = setmetatable({ kind = kind, asked = 0,
                              server = server.new() }, host)
  kind.start(self.server, options or {})
  return self
end

local function run(self, code)
  self.asked = self.asked + 1
  local path = ("%s/%d.lua"):format(self.server.folder, self.asked)
  files.write(path, "local kept = ...\nlocal tandem = require 'tandem'\n"
                    .. code)
  self.kind.trigger(self.server, path)
  local lines = files.lines(path .. ".out")
  if not lines[1] then
    error(("the host did not run it; status %s; log:\n%s"):format(
      self.server:status(), self.server:log()), 3)
  end
  return table.unpack(lines)
end

--- Run code in the state of the host; what it returns comes as strings.
function host:ask(code)
  local results = table.pack(run(self, code))
  if results[1] ~= "true" then error(results[2], 2) end
  return table.unpack(results, 2)
end

--- Run code that fails; the error as a string.
function host:fail(code)
  local ok, err = run(self, code)
  if ok == "true" then error("it did not fail", 2) end
  return err
end

--- The process that the Lua state is in. It may change, with a reload.
function host:pid()
  return math.tointeger(tonumber((self:ask [[
    local file <close> = io.open("/proc/self/stat")
    return file:read("n")
  ]])))
end

function host:reload()
  self.kind.reload(self.server, self)
end

--- End it, and look for what it left; its status.
function host:stop(name)
  return self.server:stop(name)
end

--- The numbers of a process's threads, as strings.
function host.threads(_, pid)
  local list = {}
  for name in lfs.dir(("/proc/%d/task"):format(pid)) do
    if name:match("%d") then list[#list + 1] = name end
  end
  return list
end

--- What of ours a process may have: its threads, children and descriptors.
function host.belongings(pid)
  return {
    threads = files.count(("/proc/%d/task"):format(pid)),
    children = #processes.children(pid),
    descriptors = files.count(("/proc/%d/fd"):format(pid)),
  }
end

return host
