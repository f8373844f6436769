--- The example of a server: fast requests do not wait for slow ones.
local check = require "spec.support.check"
local files = require "spec.support.files"
local scale = require "spec.support.scale"
local socket = require "socket"
local start = require "spec.support.foreground"

describe("scripts/examples/server_luv.lua", function()
  local server, port, clients

  before_each(function()
    server = start { command = "scripts/examples/server_luv.lua 0" }
    server:wait_for("http://127.0.0.1:")
    port = check.eventually(function()
      return server:read("out"):match("http://127.0.0.1:(%d+)\n")
    end, "the port")
    clients = {}
  end)

  after_each(function()
    for _, client in ipairs(clients) do client:close() end
    os.execute(("kill -s KILL -- %d 2>/dev/null"):format(server.pid))
    files.remove_all()
  end)

  local function send(text)
    local client = assert(socket.connect("127.0.0.1", port))
    client:settimeout(check.BOUND)
    assert(client:send(text))
    clients[#clients + 1] = client
    return client
  end

  local function request(path)
    return send("GET " .. path .. " HTTP/1.1\r\nHost: localhost\r\n\r\n")
  end

  -- The status, and the body.
  local function answer(client)
    local text = assert(client:receive("*a"))
    client:close()
    return text:match("^HTTP/1.1 (%d+).-\r\n\r\n(.*)$")
  end

  local function get(path)
    return answer(request(path))
  end

  local function terminate()
    assert(os.execute(("kill -s TERM -- %d"):format(server.pid)))
    local ended = server:finish()
    assert.equal("", ended.err)
    assert.equal(0, ended.code)
    assert.equal(0, ended.left)
    assert.is_truthy(ended.out:find("all requests are answered", 1, true))
  end

  local function timed_fast()
    local before = socket.gettime()
    local status, body = get("/fast")
    assert.equal("200", status)
    assert.equal("fast\n", body)
    return socket.gettime() - before
  end

  it("answers fast ones at once while four slow ones take a second", function()
    local before, slow, times = socket.gettime(), {}, {}
    for i = 1, 4 do slow[i] = request("/slow") end
    repeat
      times[#times + 1] = timed_fast()
    until socket.gettime() - before > 0.8
    for _, client in ipairs(slow) do
      local status, body = answer(client)
      assert.equal("200", status)
      assert.equal("slow\n", body)
    end
    local together = socket.gettime() - before
    table.sort(times)
    local median = times[#times // 2 + 1]
    assert.is_true(#times >= 10, #times .. " fast requests")
    assert.is_true(together >= 1 and together < 2, together .. " s")
    assert.is_true(scale.slow or median < 0.005, median .. " s")
    if os.getenv("TANDEM_SHOW_FIGURES") then
      print(("\n%d fast: median %.2f ms, p99 %.2f ms, most %.2f ms; "
        .. "four slow: %.3f s"):format(#times, median * 1e3,
        times[#times * 99 // 100 + 1] * 1e3, times[#times] * 1e3, together))
    end
    terminate()
  end)

  it("says what went wrong, and goes on", function()
    local status, body = get("/fail")
    assert.equal("500", status)
    assert.is_truthy(body:find("out of luck", 1, true), body)
    assert.equal("404", (get("/elsewhere")))
    assert.equal("404", (answer(send("no request\r\n\r\n"))))
    send("GET /sl"):close()
    send(("x"):rep(20000)):close()
    timed_fast()
    terminate()
  end)

  it("survives clients that go away while their task runs", function()
    -- What follows comes to the server after these, and their ends.
    for _ = 1, 8 do request("/slow"):close() end
    timed_fast()
    terminate()
  end)

  it("answers what is under way when it is told to end", function()
    local slow = request("/slow")
    timed_fast()
    assert(os.execute(("kill -s TERM -- %d"):format(server.pid)))
    local status, body = answer(slow)
    assert.equal("200", status)
    assert.equal("slow\n", body)
    assert.equal(0, server:finish().code)
  end)
end)
