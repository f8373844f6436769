--- What holds in any host: each a test, for hosts with `options` each.
local assert = require "luassert"
local busted = require "busted"
local check = require "spec.support.check"
local files = require "spec.support.files"
local host = require "hosts.support.host"
local low = require "spec.support.low"
local processes = require "spec.support.processes"
local socket = require "socket"

local describe, it = busted.describe, busted.it

local KINDS = { "thread", "process" }

-- How long a pool of these tests waits for its tasks when it is given up.
local EXIT_TIMEOUT = 0.3

local NEW_POOL = [[
  kept.pool = tandem.%s_pool { max_workers = 2, name = "spec",
                               exit_timeout = ]] .. EXIT_TIMEOUT .. [[ }
]]

-- One worker loops, with a grip on every error, the other sleeps; and one task
-- waits for them.
local BUSY = [[
  kept.futures = {
    kept.pool:submit("fixtures.gate:loop_protected", %q),
    kept.pool:submit("fixtures.inside:sleep", 600),
    kept.pool:submit("fixtures.inside:sleep", 600),
  }
  while kept.pool:stats().running < 2 do tandem.sleep(0.002) end
]]

-- Matching this takes C for ever, and no stop reaches into it.
local STUCK = [[
  kept.stuck = kept.pool:submit(function()
    return (("a"):rep(60):find(("a?"):rep(60) .. ("a"):rep(60)))
  end)
  while kept.pool:stats().running < 1 do tandem.sleep(0.002) end
]]

local function make_busy(h, kind)
  h:ask(NEW_POOL:format(kind) .. BUSY:format(h.server.folder .. "/gate"))
end

-- What a process has when it is at rest: some close a connection a little after
-- it is over.
local function belongings_at_rest(pid)
  local least = host.belongings(pid)
  for _ = 1, 10 do
    socket.sleep(0.02)
    for what, count in pairs(host.belongings(pid)) do
      least[what] = math.min(least[what], count)
    end
  end
  return least
end

local function assert_same_belongings(expected, pid)
  local now
  check.eventually(function()
    now = host.belongings(pid)
    return now.threads <= expected.threads and now.children <= expected.children
      and now.descriptors <= expected.descriptors
  end, ("the threads, children, descriptors that it had: %d, %d, %d"):format(
    expected.threads, expected.children, expected.descriptors))
end

local function assert_ends_well(h, name)
  local status = h:stop(name)
  local log = h.server:log()
  assert.is_true(status == 0 or status == h.kind.other_status,
                 ("status %d\n%s"):format(status, log))
  assert.is_nil(log:find("killed with signal", 1, true), log)
end

-- The descriptors of a process that lead to a socket: "socket:[4711]".
local function sockets_of(pid)
  local pipe <close> = assert(io.popen(
    ("readlink /proc/%d/fd/* 2>/dev/null"):format(pid)))
  local set = {}
  for line in pipe:lines() do
    if line:match("^socket:") then set[line] = true end
  end
  return set
end

local function intersection(a, b)
  local list = {}
  for name in pairs(a) do
    if b[name] then list[#list + 1] = name end
  end
  return list
end

local function blocks(pid, thread, number)
  local text = processes.read(("%d/task/%s"):format(pid, thread), "status")
  local mask = tonumber(text:match("SigBlk:%s*(%x+)"), 16)
  return mask & 1 << (number - 1) ~= 0
end

local function describe_kind(start, kind)
  it("has nothing of ours before the first submit", function()
    local h = start()
    local pid = h:pid()
    local before = belongings_at_rest(pid)
    h:ask(NEW_POOL:format(kind) .. "tandem.wait({})")
    assert.equal(pid, h:pid())
    assert_same_belongings(before, pid)
  end)

  it("works at the first request, and at the next", function()
    local h = start()
    h:ask(NEW_POOL:format(kind))
    for i = 1, 3 do
      assert.equal(tostring(i + 1), (h:ask(
        ("return kept.pool:call('fixtures.basic:add', %d, 1)"):format(i))))
    end
    assert.equal("6", (h:ask(
      "return kept.pool:reduce('fixtures.basic:echo', 'fixtures.basic:add',"
      .. " { 1, 2, 3 })")))
    assert_ends_well(h)
  end)

  it("runs callbacks at a later request", function()
    local h = start()
    h:ask(NEW_POOL:format(kind) .. [[
      kept.pool:submit("fixtures.basic:add", 1, 2):on_done(function(f)
        kept.answer = f:result()
      end)
    ]])
    check.eventually(function()
      return h:ask "tandem.poll() return kept.answer" == "3"
    end, "answer of the callback")
  end)

  it("is reloaded while busy, five times in a row", function()
    local h = start()
    make_busy(h, kind) -- what is made once a process, is
    h:reload()
    h:ask "return tandem.poll()"
    local first = h:pid()
    local before = belongings_at_rest(first)
    for _ = 1, 5 do
      make_busy(h, kind)
      local old = h:pid()
      h:reload()
      -- For a moment the old one may still be the one that answers.
      check.eventually(function()
        return h:ask "return kept.pool == nil" == "true"
      end, "new state")
      if h:pid() ~= old then processes.wait_gone(old) end
    end
    assert_same_belongings(before, h:pid())
    h:ask(NEW_POOL:format(kind)
          .. "assert(kept.pool:call('fixtures.basic:add', 1, 2) == 3)")
    assert_ends_well(h)
  end)

  for _, name in ipairs { "TERM", "INT" } do
    it(("ends while busy, by SIG%s"):format(name), function()
      local h = start()
      make_busy(h, kind)
      assert_ends_well(h, name)
    end)
  end

  it("is reloaded, and ends, though tasks are stuck in C", function()
    local h = start()
    for _ = 1, 2 do
      h:ask(NEW_POOL:format(kind) .. STUCK)
      h:reload()
      h:ask(NEW_POOL:format(kind)
            .. "assert(kept.pool:call('fixtures.basic:add', 1, 2) == 3)")
    end
    h:ask(NEW_POOL:format(kind) .. STUCK)
    assert_ends_well(h)
  end)

  it("says in its log what a task raised, and goes on",
    function()
      local h = start()
      h:ask(NEW_POOL:format(kind))
      local err = h:fail "kept.pool:call('fixtures.failing:boom')"
      assert.is_truthy(h.server:log():find("boom", 1, true), err)
      h:ask "assert(kept.pool:call('fixtures.basic:add', 1, 2) == 3)"
    end)
end

local function describe_threads(start)
  it("gets its signals itself: worker threads block them", function()
    local h = start()
    h:ask(NEW_POOL:format("thread")
          .. "kept.pool:call('fixtures.basic:add', 1, 2)")
    local pid, ours = h:pid(), 0
    for _, thread in ipairs(h:threads(pid)) do
      if thread ~= tostring(pid) then
        ours = ours + 1
        for _, number in ipairs { 1, 2, 10, 12, 15, 17 } do
          assert.is_true(blocks(pid, thread, number))
        end
      end
    end
    assert.is_true(ours >= 1)
  end)
end

local function describe_processes(start)
  it("does not mind the crash of a worker", function()
    local h = start()
    local pid = h:pid()
    h:ask(NEW_POOL:format("process"))
    for _, how in ipairs { "SIGSEGV", "SIGKILL", "os.exit(3)" } do
      assert.equal("crashed", (h:ask(([[
        local f = kept.pool:submit("fixtures.crash:run", %q)
        return f:error(40).kind
      ]]):format(how))))
      h:ask "assert(kept.pool:call('fixtures.basic:add', 1, 2) == 3)"
    end
    assert.equal(pid, h:pid())
    assert_ends_well(h)
  end)

  it("does not mind that an idle worker is killed from outside", function()
    local h = start()
    h:ask(NEW_POOL:format("process"))
    local worker = math.tointeger(tonumber((h:ask
      "return (kept.pool:call('fixtures.crash:innocent'))")))
    low.kill(worker, "KILL")
    processes.wait_gone(worker)
    h:ask "assert(kept.pool:call('fixtures.basic:add', 1, 2) == 3)"
    assert_ends_well(h)
  end)

  it("keeps its sockets to itself", function()
    local h = start()
    h:ask(NEW_POOL:format("process"))
    local worker = h:ask "return (kept.pool:call('fixtures.crash:innocent'))"
    local own, theirs = sockets_of(h:pid()), sockets_of(tonumber(worker))
    assert.is_not_nil(next(own))
    assert.same({}, intersection(own, theirs))
  end)

  it("goes on where there is no worker program, and says which", function()
    local h = start { env = { TANDEM_WORKER = "/nonexistent/worker" } }
    local err = h:fail(NEW_POOL:format("process"))
    assert.matches("/nonexistent/worker", err, 1, true)
    assert.matches("/nonexistent/worker", h.server:log(), 1, true)
    h:ask(NEW_POOL:format("thread")
          .. "assert(kept.pool:call('fixtures.basic:add', 1, 2) == 3)")
    assert_ends_well(h)
  end)

  it("goes on where the worker program may not be run", function()
    local h = start()
    local path = files.write(h.server.folder .. "/worker", "#!/bin/sh\n")
    local err = h:fail(([[
      tandem.process_pool { worker_path = %q }:call("fixtures.basic:echo")
    ]]):format(path))
    assert.matches(path, err, 1, true)
    h:ask(NEW_POOL:format("process")
          .. "assert(kept.pool:call('fixtures.basic:add', 1, 2) == 3)")
  end)
end

--- Tests of all this. `start(options)` starts a host.
return function(start)
  for _, kind in ipairs(KINDS) do
    describe("with a pool of " .. (kind == "thread" and "threads"
                                   or "processes"), function()
      describe_kind(start, kind)
    end)
  end
  describe_threads(start)
  describe_processes(start)
end
