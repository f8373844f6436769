--- What a pool tells about itself, and the small functions beside it.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local processes = require "spec.support.processes"
local run_script = require "spec.support.script"
local tandem = require "tandem"

local COUNTS = {
  "submitted", "done", "failed", "cancelled", "pending", "running", "workers",
  "idle", "bytes_in", "bytes_out", "restarts",
}

local function assert_times(times)
  assert.is_true(times.mean >= 0)
  assert.is_true(times.p50 >= 0)
  assert.is_true(times.p50 <= times.p90)
  assert.is_true(times.p90 <= times.p99)
  assert.is_true(times.p99 <= times.max)
  assert.is_true(times.max < check.BOUND)
end

describe("stats", function()
  for_each_pool(function(new_pool)
    it("starts at nought", function()
      local stats = new_pool(2):stats()
      for _, name in ipairs(COUNTS) do
        assert.equal("integer", math.type(stats[name]), name)
      end
      for _, name in ipairs { "submitted", "done", "failed", "cancelled",
                              "pending", "running", "restarts" } do
        assert.equal(0, stats[name], name)
      end
    end)

    it("counts what was done and what failed", function()
      local pool = new_pool(2)
      for i = 1, 10 do pool:submit("fixtures.basic:echo", i) end
      for _ = 1, 3 do pool:submit("fixtures.failing:boom") end
      pool:shutdown()
      local stats = pool:stats()
      assert.equal(13, stats.submitted)
      assert.equal(10, stats.done)
      assert.equal(3, stats.failed)
      assert.equal(0, stats.cancelled)
      assert.equal(0, stats.pending)
      assert.equal(0, stats.running)
    end)

    it("counts bytes", function()
      local pool = new_pool(1)
      pool:call("fixtures.basic:repeated", ("x"):rep(1000), 5)
      local stats = pool:stats()
      assert.is_true(stats.bytes_in >= 1000)
      assert.is_true(stats.bytes_out >= 5000)
    end)

    it("has the times of waiting and running", function()
      local pool = new_pool(1)
      for _ = 1, 10 do pool:call("fixtures.inside:sleep", 0.002) end
      local stats = pool:stats()
      assert_times(stats.wait)
      assert_times(stats.run)
      assert.is_true(stats.run.mean >= 0.002)
      assert.is_true(stats.run.max >= 0.002)
      assert.is_true(stats.wall >= 0.02)
      assert.is_true(stats.cpu >= 0)
    end)

    it("does not count what was refused", function()
      local pool = new_pool(1)
      check.raises(pool.submit, pool, "fixtures.basic:echo", print)
      check.raises(pool.submit, pool, "a:b:c")
      assert.equal(0, pool:stats().submitted)
    end)
  end)

  for_each_pool(function(new_pool)
    it("tells what is pending, running, cancelled and idle", function()
      local pool, gate = new_pool(2), gates.new()
      for _ = 1, 2 do pool:submit("fixtures.gate:wait", gate.path) end
      local pending = {}
      for i = 1, 5 do pending[i] = pool:submit("fixtures.basic:echo") end
      gate:wait_started(2)
      local stats = pool:stats()
      assert.equal(2, stats.running)
      assert.equal(5, stats.pending)
      assert.equal(2, stats.workers)
      assert.equal(0, stats.idle)
      pending[1]:cancel()
      pending[2]:cancel()
      stats = pool:stats()
      assert.equal(3, stats.pending)
      assert.equal(2, stats.cancelled)
      gate:open()
      tandem.wait(pending)
      check.eventually(function()
        local now = pool:stats()
        return now.idle == 2 and now.done == 5
      end, "two idle workers")
      stats = pool:stats()
      assert.equal(0, stats.running)
      assert.equal(7, stats.submitted)
    end)
  end, { concurrent = true })
end)

describe("workers", function()
  for_each_pool(function(new_pool, kind)
    -- A thread is one of our own; a process has one thread, and is not ours.
    local function assert_numbers(row)
      local own = processes.own_pid()
      assert.equal("integer", math.type(row.pid))
      assert.equal("integer", math.type(row.tid))
      if kind == "process" then
        assert.equal(row.pid, row.tid)
        assert.is_not.equal(own, row.pid)
        assert.is_true(processes.is_alive(row.pid))
      else
        assert.equal(own, row.pid)
        assert.is_not.equal(own, row.tid)
      end
    end

    it("tells what each is doing", function()
      local pool, gate = new_pool(2), gates.new()
      local before = tandem.now()
      pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      local rows = pool:workers()
      assert.equal(1, #rows)
      local row = rows[1]
      assert.is_not_nil(row.id)
      assert_numbers(row)
      assert.equal("running", row.status)
      assert.equal("fixtures.gate:wait", row.task)
      assert.is_true(row.since >= before and row.since <= tandem.now())
      assert.is_true(row.cpu >= 0)
    end)

    it("tells who is idle, and how much each has done", function()
      local pool = new_pool(1)
      for i = 1, 5 do pool:call("fixtures.basic:echo", i) end
      local row = check.eventually(function()
        local candidate = pool:workers()[1]
        return candidate.status == "idle" and candidate
      end, "an idle worker")
      assert.is_nil(row.task)
      assert.equal(5, row.tasks)
      assert.equal(pool:call("fixtures.inside:current").worker, row.id)
    end)
  end, { concurrent = true })
end)

describe("tandem", function()
  it("tells its version", function()
    assert.matches("%d+%.%d+", tandem._VERSION)
  end)

  it("counts the processors that it may use", function()
    local n = tandem.cpu_count()
    assert.equal("integer", math.type(n))
    local nproc <close> = io.popen(
      "env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc")
    assert.is_true(n >= 1 and n <= nproc:read("n"))
  end)

  it("heeds an affinity when it counts them", function()
    local code, out, err = run_script(
      'print(require("tandem").cpu_count())',
      { prefix = "sh -c 'exec taskset -c " ..
          "$(taskset -cp $$ | sed \"s/.*[:,-] *//\") \"$@\"' sh" })
    assert.equal(0, code, err)
    assert.equal("1\n", out)
  end)

  it("has a clock that does not go back", function()
    local last = tandem.now()
    assert.equal("float", math.type(last))
    for _ = 1, 1000 do
      local now = tandem.now()
      assert.is_true(now >= last)
      last = now
    end
  end)

  it("sleeps as long as it is told", function()
    local before = tandem.now()
    tandem.sleep(0.02)
    assert.is_true(tandem.now() - before >= 0.02)
    for _, nothing in ipairs { 0, -1, -math.huge } do tandem.sleep(nothing) end
  end)

  it("classifies a task by the processor time it takes", function()
    local idle = tandem.classify("fixtures.inside:sleep", 0.1)
    assert.equal("io", idle.kind)
    assert.is_true(idle.wall >= 0.1)
    assert.is_true(idle.cpu >= 0 and idle.cpu < idle.wall)
    assert.is_true(math.abs(idle.cpu_share - idle.cpu / idle.wall) < 0.01)
    local busy = tandem.classify("fixtures.inside:burn", 0.1)
    assert.is_true(busy.cpu > idle.cpu)
    -- Others may have had the processor meanwhile.
    assert.equal(busy.cpu_share <= 0.2, busy.kind == "io")
  end)

  it("passes on the error of a task that it classifies", function()
    assert.equal("bad", check.raises(tandem.classify, "fixtures.failing:raise",
                                     "bad"))
    check.kind("load", tandem.classify, "fixtures.basic:nosuch")
    check.misuse("bad argument #1", tandem.classify)
    check.misuse("bad argument #1", tandem.classify, 42)
  end)
end)

describe("with", function()
  for_each_pool(function(new_pool)
    it("gives a view of the same pool", function()
      local pool = new_pool(2)
      local view = pool:with { priority = 5, name = "views" }
      assert.equal(3, view:submit("fixtures.basic:add", 1, 2):result())
      assert.equal(3, view:call("fixtures.basic:add", 1, 2))
      assert.same({ 1, 4 },
                  view:map("fixtures.basic:square", { 1, 2 }):collect())
      assert.same({ 3 },
                  view:starmap("fixtures.basic:add", { { 1, 2 } }):collect())
      assert.equal(0, pool:stats().failed)
      pool:shutdown()
      check.kind("closed", view.submit, view, "fixtures.basic:echo")
    end)

    it("refuses wrong settings", function()
      local pool = new_pool(1)
      for _, bad in ipairs { 42, "x", true, print } do
        check.misuse_of("bad argument #1", pool, "with", bad)
      end
      for _, bad in ipairs { "1", 1.5, true, {}, 0 / 0 } do
        check.misuse_of("priority", pool, "with", { priority = bad })
      end
      check.misuse_of("name", pool, "with", { name = 42 })
      check.misuse_of("colour", pool, "with", { colour = "red" })
    end)
  end)

  for_each_pool(function(new_pool)
    it("of a higher priority goes first, in order within one", function()
      local pool, gate = new_pool(1), gates.new()
      local log = gate.path .. ".log"
      pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      local views = {}
      for _, p in ipairs { -1, 0, 1, 10 } do
        views[p] = p == 0 and pool or pool:with { priority = p }
      end
      local futures = {}
      for i, p in ipairs { 0, 10, -1, 1, 0, 10, 1, -1 } do
        futures[i] = views[p]:submit("fixtures.basic:note", log, p .. "/" .. i)
      end
      gate:open()
      tandem.wait(futures, { timeout = check.BOUND })
      local file <close> = io.open(log)
      assert.equal("10/2 10/6 1/4 1/7 0/1 0/5 -1/3 -1/8 ",
                   (file:read("a"):gsub("\n", " ")))
    end)
  end, { concurrent = true })
end)
