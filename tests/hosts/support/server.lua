--- A server of the distribution as a process of its own, in a folder of its
-- own, from its start until nothing of it is left.
local check = require "spec.support.check"
local files = require "spec.support.files"
local low = require "spec.support.low"
local processes = require "spec.support.processes"
local socket = require "socket"

local server = {}
server.__index = server

local running = {}

-- Servers are no children of ours: so it is the shell around it that hears
-- how one ended, and writes that down. Some send their signals to the whole
-- process group, which must not end that shell.
local START = [[
cd %s || exit 1
(
  trap : TERM INT HUP USR1
  env -i %s sh -c 'echo $$ >pid; exec "$@"' sh %s >log 2>&1 </dev/null
  echo $? >status
) >/dev/null 2>&1 </dev/null &
]]

-- Debian has servers where only root looks for programs.
local PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

local function assignments(self, env)
  local all = {
    PATH = PATH, HOME = self.folder, TMPDIR = self.folder .. "/tmp",
    LUA_PATH = package.path, LUA_CPATH = package.cpath, MARK = self.folder,
  }
  for name, value in pairs(env) do all[name] = value end
  local words = {}
  for name, value in pairs(all) do
    words[#words + 1] = files.quote(name .. "=" .. value)
  end
  return table.concat(words, " ")
end

--- A new folder, in which the server will run.
function server.new()
  local self = setmetatable({ folder = files.directory() }, server)
  assert(os.execute("mkdir " .. files.quote(self.folder .. "/tmp")))
  running[#running + 1] = self
  return self
end

--- Start a command, a list of words, with more environment.
function server:start(command, env)
  local words = {}
  for i, word in ipairs(command) do words[i] = files.quote(word) end
  local script = files.write(self.folder .. "/start.sh", START:format(
    files.quote(self.folder), assignments(self, env),
    table.concat(words, " ")))
  os.remove(self.folder .. "/status")
  os.remove(self.folder .. "/pid")
  assert(os.execute("setsid -w sh " .. files.quote(script)))
  self.pid = check.eventually(function()
    return math.tointeger(tonumber(files.read(self.folder .. "/pid")))
  end, "a process of " .. command[1])
  local process = processes.look(self.pid)
  self.session = process and process.session
end

--- What the server has written so far.
function server:log()
  return files.read(self.folder .. "/log")
    .. files.read(self.folder .. "/prosody.log")
end

--- Its exit status, 128 and more for a signal; nil while it runs.
function server:status()
  return math.tointeger(tonumber(files.read(self.folder .. "/status")))
end

function server:signal(name)
  assert(low.kill(self.pid, name))
end

--- Poll until it says so; an error where it ends instead.
function server:wait_for(what, condition)
  local deadline = socket.gettime() + check.BOUND
  repeat
    local value = condition()
    if value then return value end
    if self:status() then break end
    socket.sleep(0.005)
  until socket.gettime() > deadline
  error(("no %s; status %s; log:\n%s"):format(what, self:status(),
    self:log()), 2)
end

-- A daemon leaves its session, and dovecot writes over its environment.
local function is_of(self, process, mark)
  if process.session == self.session then return true end
  local text = "\0" .. processes.read(process.pid, "environ") .. "\0"
  return text:find(mark, 1, true) ~= nil
end

--- The processes that it started, and they, and so on; itself among them.
function server:remains()
  local mark = "\0MARK=" .. self.folder .. "\0"
  return processes.find(function(process)
    return process.state ~= "Z" and is_of(self, process, mark)
  end)
end

local function described(list)
  local lines = {}
  for i, process in ipairs(list) do
    lines[i] = ("%d %s %s"):format(process.pid, process.name, process.state)
  end
  return table.concat(lines, ", ")
end

--- Raise unless all that it started is gone within a moment.
function server:assert_gone()
  local deadline = socket.gettime() + check.BOUND
  local list = self:remains()
  while #list > 0 do
    if socket.gettime() > deadline then
      error("left behind: " .. described(list) .. "\n" .. self:log(), 2)
    end
    socket.sleep(0.01)
    list = self:remains()
  end
end

--- End it, and look for what it left.
-- @return its status
function server:stop(name)
  self:signal(name or "TERM")
  check.eventually(function() return self:status() end,
    "end of the server; its log:\n" .. self:log())
  self:assert_gone()
  assert(#files.read(self.folder .. "/core") == 0, "it dumped its core")
  assert(files.count(self.folder .. "/tmp") == 0, "it left files in TMPDIR")
  return self:status()
end

--- End all that it started.
function server:kill()
  for _, process in ipairs(self:remains()) do
    low.kill(process.pid, "KILL")
    processes.wait_gone(process.pid)
  end
end

--- After a test, whatever became of it.
function server.end_all()
  for i = #running, 1, -1 do
    running[i]:kill()
    running[i] = nil
  end
  files.remove_all()
end

return server
