--- A small server that answers late: the loop that its kinds share.
--
-- It serves many connections at once from one loop around `socket.select`,
-- listens on 127.0.0.1 only, and takes a port that is free. It is itself a
-- task: give it a thread of its own.
--
-- What is asked and answered is the protocol's affair, a table:
--
--    request(text)   a whole request at the start of the text, and the rest;
--                    nil where its end is still to come
--    answer(server, request)   the bytes to send back
--    once            true where a connection ends with its first answer
--
-- How the port becomes known: `start` listens on a port, `serve` connects
-- there and writes the number of its own.
--
-- Needs luasocket (Debian: lua-socket).
--
-- @module tasks.late_server
local socket = require "socket"

local M = {}

-- The longest that one turn of the loop waits, in seconds: how soon the
-- server notices that it was cancelled.
local TURN = 0.1

-- How long a starting server may take to say where it listens, in seconds.
local START = 10

-- More than any request has here.
local LONGEST_REQUEST = 8192

-- A connection goes round through three states: its request is read; it waits
-- until it is due; its answer is written.
local function accept(server)
  local client = server.listener:accept()
  if not client then return end
  client:settimeout(0)
  client:setoption("tcp-nodelay", true)
  server.connections[client] = { heard = "", sent = 0 }
end

local function close(server, client)
  server.connections[client] = nil
  client:close()
end

-- Once a whole request is there, the clock runs.
local function take_request(server, connection, now)
  local request, rest = server.protocol.request(connection.heard)
  if not request then return false end
  connection.heard = rest
  connection.answer = server.protocol.answer(server, request)
  connection.sent, connection.due = 0, now + server.delay
  return true
end

local function read(server, client, now)
  local connection = server.connections[client]
  local chunk, problem, rest = client:receive(LONGEST_REQUEST)
  connection.heard = connection.heard .. (chunk or rest or "")
  if take_request(server, connection, now) then return end
  if problem == "closed" or #connection.heard > LONGEST_REQUEST then
    close(server, client)
  end
end

local function write(server, client, now)
  local connection = server.connections[client]
  local sent, problem, partly =
    client:send(connection.answer, connection.sent + 1)
  connection.sent = sent or partly or connection.sent
  if problem and problem ~= "timeout" then return close(server, client) end
  if connection.sent < #connection.answer then return end
  if server.protocol.once then return close(server, client) end
  connection.due = nil
  take_request(server, connection, now)
end

-- Says whom to listen to and whom to write to, and until when to wait.
local function watch(server, now)
  local readers, writers = { server.listener }, {}
  local pause = TURN
  for client, connection in pairs(server.connections) do
    if not connection.due then
      readers[#readers + 1] = client
    elseif connection.due <= now then
      writers[#writers + 1] = client
    else
      pause = math.min(pause, connection.due - now)
    end
  end
  return readers, writers, pause
end

local function turn(server)
  local readable, writable =
    socket.select(watch(server, socket.gettime()))
  local now = socket.gettime()
  for _, client in ipairs(readable) do
    if client == server.listener then
      accept(server)
    else
      read(server, client, now)
    end
  end
  for _, client in ipairs(writable) do write(server, client, now) end
end

local function report(port, to)
  local line = assert(socket.connect("127.0.0.1", to))
  assert(line:send(port .. "\n"))
  line:close()
end

-- Whoever connected and never asked must not keep a server from quitting.
local function owes_answer(server)
  for _, connection in pairs(server.connections) do
    if connection.due then return true end
  end
  return false
end

-- Inside tandem a server heeds its cancelling; in plain Lua nobody cancels.
local function cancelled_check()
  local loaded, tandem = pcall(require, "tandem")
  return loaded and tandem.cancelled or function() return false end
end

--- Serves until it is cancelled, or until an answer has set `server.quit`.
-- @tparam table protocol see above
-- @tparam number delay seconds between a request and its answer
-- @tparam[opt] integer report_to a port of 127.0.0.1 that waits to be told
--   the port of this server
function M.serve(protocol, delay, report_to)
  local listener = assert(socket.bind("127.0.0.1", 0, 512))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  local server = {
    listener = listener, protocol = protocol, delay = delay, connections = {},
  }
  local cancelled = cancelled_check()
  if report_to then report(port, report_to) end
  while not cancelled() do
    turn(server)
    if server.quit and not owes_answer(server) then break end
  end
  for client in pairs(server.connections) do client:close() end
  listener:close()
end

local Server = {}
Server.__index = Server

--- Asks the server to quit and waits until it has.
function Server:stop()
  local client = socket.connect("127.0.0.1", self.port)
  if client then
    client:send(self.farewell)
    client:receive("*a")
    client:close()
  end
  self.future:wait(START)
end

Server.__close = Server.stop

--- Starts a server as a task of a pool and waits until it listens.
-- @param pool a pool with a worker to spare
-- @tparam string task called with the delay, and a port to report to
-- @tparam number delay seconds between a request and its answer
-- @tparam string farewell the request that makes it quit
-- @treturn table `{ port =, future = }` with a method `stop`; may be a
--   to-be-closed variable
function M.start(pool, task, delay, farewell)
  local told = assert(socket.bind("127.0.0.1", 0))
  local _, told_port = told:getsockname()
  told:settimeout(START)
  local future = pool:submit(task, delay, told_port)
  local line, problem = told:accept()
  told:close()
  if not line then
    local why = future:wait(0) and future:error() or problem
    error("the server did not start: " .. tostring(why), 0)
  end
  line:settimeout(START)
  local port = math.tointeger(tonumber((line:receive("*l"))))
  line:close()
  return setmetatable({ port = port, future = future, farewell = farewell },
                      Server)
end

return M
