--- A small key-value server that answers late, in the manner of Redis.
--
-- It knows the commands PING, SET, GET, INCR, and QUIT, which ends it, each on
-- a line of its own, and answers as Redis does.
--
-- Needs luasocket (Debian: lua-socket).
--
-- @module tasks.store_server
local late_server = require "tasks.late_server"

local M = {}

local commands = {}

function commands.PING() return "+PONG" end

function commands.SET(values, key, value)
  values[key] = value
  return "+OK"
end

function commands.GET(values, key)
  local value = values[key]
  return value and ("$%d\r\n%s"):format(#value, value) or "$-1"
end

function commands.INCR(values, key)
  local number = math.tointeger(tonumber(values[key] or 0))
  if not number then return "-ERR value is not an integer" end
  values[key] = ("%d"):format(number + 1)
  return ":" .. values[key]
end

local ARGUMENTS = { PING = 0, QUIT = 0, GET = 1, INCR = 1, SET = 2 }

local protocol = {}

function protocol.request(text)
  return text:match("^(.-)\r\n(.*)$")
end

function protocol.answer(server, line)
  local words = {}
  for word in line:gmatch("%S+") do words[#words + 1] = word end
  local name = (words[1] or ""):upper()
  if ARGUMENTS[name] ~= #words - 1 then
    return "-ERR unknown command or wrong number of arguments\r\n"
  elseif name == "QUIT" then
    server.quit = true
    return "+OK\r\n"
  end
  server.values = server.values or {}
  return commands[name](server.values, words[2], words[3]) .. "\r\n"
end

--- Serves until it is cancelled or told to quit.
-- @tparam number delay seconds between a request and its answer
-- @tparam[opt] integer report_to a port of 127.0.0.1 that waits to be told
--   the port of this server
function M.serve(delay, report_to)
  late_server.serve(protocol, delay, report_to)
end

--- Starts a server as a task of a pool and waits until it listens.
-- @param pool a pool with a worker to spare
-- @tparam number delay seconds between a request and its answer
-- @treturn table `{ port =, future = }` with a method `stop`; may be a
--   to-be-closed variable
function M.start(pool, delay)
  return late_server.start(pool, "tasks.store_server:serve", delay, "QUIT\r\n")
end

M._tasks = {
  serve = {
    kind = "io", about = "a local key-value server that answers with a delay",
    args = { "delay" }, example = { 0.002 },
  },
}

return M
