-- A web server in the event loop of luv. Slow work runs on other threads.
--
--     tandem run scripts/examples/server_luv.lua [PORT]
--     curl http://127.0.0.1:8080/slow & curl http://127.0.0.1:8080/fast
--
-- /slow takes a second, and four of them together no longer. /fast is answered
-- meanwhile. /fail shows what a task raised. Ctrl-C lets what is under way end.
local tandem = require "tandem"
local uv = require "luv"
require "tandem.luv"

local pool <close> = tandem.thread_pool(4)
local routes = {}

routes["/fast"] = function() return "fast\n" end

routes["/slow"] = function()
  return tandem.await(pool:submit(function()
    require("tandem").sleep(1)
    return "slow\n"
  end))
end

routes["/fail"] = function()
  return tandem.await(pool:submit(function() error("out of luck") end), 10)
end

local function answer(client, status, body)
  client:write(("HTTP/1.1 %s\r\nContent-Length: %d\r\n" ..
    "Connection: close\r\n\r\n%s"):format(status, #body, body),
    function() client:close() end)
end

-- In a coroutine of its own; pcall lets it wait.
local function serve(client, path)
  local handler = routes[path]
  if not handler then return answer(client, "404 Not Found", "not here\n") end
  local ok, body = pcall(handler)
  if ok then return answer(client, "200 OK", body) end
  answer(client, "500 Internal Server Error", tostring(body) .. "\n")
end

local server = uv.new_tcp()
assert(server:bind("127.0.0.1", tonumber(arg[1] or 8080)))
assert(server:listen(128, function()
  local client, request = uv.new_tcp(), ""
  server:accept(client)
  client:read_start(function(err, data)
    if err or not data or #request > 8000 then return client:close() end
    request = request .. data
    if not request:find("\r\n\r\n", 1, true) then return end
    client:read_stop()
    coroutine.wrap(serve)(client, request:match("^GET (%S+) HTTP"))
  end)
end))

for _, name in ipairs { "sigint", "sigterm" } do
  local signal = uv.new_signal()
  signal:start(name, function()
    if not server:is_closing() then server:close() end
  end)
  signal:unref()
end

io.stdout:setvbuf("line")
print("http://127.0.0.1:" .. server:getsockname().port)
uv.run()
print("all requests are answered")
