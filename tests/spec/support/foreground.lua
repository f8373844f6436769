--- Scripts that run while the spec goes on, and can be sent a Ctrl-C.
--
--     local script = start { source = "...", env = {} }
--     script:interrupt()        -- SIGINT, as `kill -INT` sends it
--     local ended = script:finish()
--
-- Each runs in a session of its own, so that all it has started can be found,
-- and from the point of view of its signals as in the foreground of a shell.
local check = require "spec.support.check"
local files = require "spec.support.files"
local preload = require "spec.support.preload"
local processes = require "spec.support.processes"
local socket = require "socket"

local Foreground = {}
Foreground.__index = Foreground

-- Longer than any of them takes; what hangs does not hang for ever.
local LIMIT = 120

local function environment(env)
  local list = {
    "LUA_PATH=" .. files.quote(package.path),
    "LUA_CPATH=" .. files.quote(package.cpath),
  }
  for name, value in pairs(env or {}) do
    list[#list + 1] = name .. "=" .. files.quote(value)
  end
  return "env -u LUA_PATH_5_4 -u LUA_CPATH_5_4 " .. table.concat(list, " ")
end

-- A terminal makes a session itself. What is typed there comes from a FIFO.
-- A Ctrl-C there goes to all that runs in the foreground: a shell that stayed
-- between, as dash does, would end by it.
local function on_terminal(self, line)
  self.keyboard = self.directory .. "/keyboard"
  assert(os.execute("mkfifo " .. self.keyboard))
  return ("env SHELL=/bin/sh script -qefc %s /dev/null <>%s"):format(
    files.quote("exec " .. line), self.keyboard)
end

-- The shell says its pid, and becomes what it runs.
local function shell_line(self, options)
  local source = options.source and files.write(
    self.directory .. "/script.lua", options.source) or ""
  local size = options.columns and
    ("stty cols %d rows 24; "):format(options.columns) or ""
  local inner = ("echo $$ >%s/pid; %s" ..
    "exec env --default-signal=INT %s %s %s 2>%s/err"):format(self.directory,
    size, preload.lua, options.command or "", source, self.directory)
  local line = "sh -c " .. files.quote(inner)
  if options.terminal then return on_terminal(self, line) end
  return "setsid " .. line .. " <" .. (options.input or "/dev/null")
end

--- Start a script.
--
-- `options.source`: the script; `options.command`: what Lua runs instead, with
-- the script, if there is one, as its argument; `options.env`: more
-- environment; `options.input`: a file to be its standard input;
-- `options.terminal`: at a terminal of its own; `options.columns`: how wide.
local function start(options)
  local self = setmetatable({ directory = files.directory(),
                              since = socket.gettime() }, Foreground)
  local line = shell_line(self, options)
  local whole = ("%s %s timeout %d %s >%s/out; echo $? >%s/code"):format(
    preload.without, environment(options.env), LIMIT, line, self.directory,
    self.directory)
  files.write(self.directory .. "/whole.sh", whole)
  assert(os.execute(("%s sh %s/whole.sh </dev/null >/dev/null 2>&1 &"):format(
    preload.without, self.directory)))
  self.pid = check.eventually(function()
    return math.tointeger(tonumber(self:read("pid")))
  end, "the script's start")
  return self
end

function Foreground:read(name)
  return files.read(self.directory .. "/" .. name)
end

--- Wait until it has written this.
function Foreground:wait_for(text)
  check.eventually(function()
    return self:read("out"):find(text, 1, true)
  end, ("%q from the script"):format(text))
end

--- Type at its terminal.
function Foreground:type(text)
  local keyboard <close> = assert(io.open(self.keyboard, "w"))
  keyboard:write(text)
end

--- All that runs in its session, itself as well.
function Foreground:processes()
  return processes.find(function(process)
    return process.session == self.pid and process.state ~= "Z"
  end)
end

--- Send it SIGINT, as Ctrl-C does; with "group" to its whole process group;
-- with "key" by typing it at the terminal.
function Foreground:interrupt(how)
  self.since = socket.gettime()
  if how == "key" then
    self:type("\3")
  else
    local target = how == "group" and -self.pid or self.pid
    assert(os.execute(("kill -s INT -- %d"):format(target)))
  end
end

--- Wait until it has ended.
-- @return `{ code, out, err, seconds, left }`: the time since the last
--   interrupt, and what still runs of all that it had started
function Foreground:finish()
  local code = check.eventually(function()
    return math.tointeger(tonumber(self:read("code")))
  end, "the script's end")
  local seconds = socket.gettime() - self.since
  local deadline = socket.gettime() + check.BOUND
  while #self:processes() > 0 and socket.gettime() < deadline do
    socket.sleep(0.005)
  end
  return { code = code, out = self:read("out"), err = self:read("err"),
           seconds = seconds, left = #self:processes() }
end

return start
