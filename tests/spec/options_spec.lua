--- The options of a pool: what they do, and which values they refuse.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local lfs = require "lfs"
local scale = require "spec.support.scale"
local tandem = require "tandem"

local NOT_A_NUMBER = 0 / 0

-- Counts of which there must be at least one, and whole ones.
local BAD_COUNTS = {
  0, -1, 2.5, 0.5, NOT_A_NUMBER, math.huge, "3", "x", true, {}, print,
}

local WRONG = {
  name = { 42, true, {} },
  max_tasks_per_worker = BAD_COUNTS,
  queue_limit = BAD_COUNTS,
  memory_limit = BAD_COUNTS,
  on_full = { "ignore", 1, true, {} },
  metatables = { "keep", 1, true, {} },
  path = { 42, true, {} },
  cpath = { 42, true, {} },
  preload = { 42, "fixtures.basic", true, { 42 } },
  shared = { 1, "yes", {} },
  spin = { -1, "never", true, {} },
  exit_timeout = { -1, "5", true, {}, NOT_A_NUMBER },
}

-- The names of this process's threads.
local function thread_names()
  local list = {}
  for id in lfs.dir("/proc/self/task") do
    local file <close> = io.open("/proc/self/task/" .. id .. "/comm")
    if file then list[#list + 1] = file:read("l") end
  end
  return list
end

describe("the number of workers", function()
  it("is a whole number, and at least one", function()
    for _, bad in ipairs(BAD_COUNTS) do
      if type(bad) ~= "table" then
        check.misuse("argument #1", tandem.thread_pool, bad)
      end
      check.misuse("max_workers", tandem.thread_pool, { max_workers = bad })
    end
  end)

  it("may be a float that is whole", function()
    for _, opts in ipairs { 2.0, { max_workers = 2.0 } } do
      local pool <close> = tandem.thread_pool(opts)
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end
  end)

  it("need not be given", function()
    for _, make in ipairs { tandem.thread_pool, tandem.serial_pool } do
      for _, opts in ipairs { false, {} } do
        local pool <close> = make(opts or nil)
        assert.equal(1, pool:call("fixtures.basic:echo", 1))
      end
    end
  end)
end)

describe("an option", function()
  for_each_pool(function(new_pool)
    for name, values in pairs(WRONG) do
      it("is refused by its name where it is wrong: " .. name, function()
        for _, value in ipairs(values) do
          check.misuse(name, new_pool, { [name] = value })
        end
      end)
    end

    it("is refused where nobody knows it", function()
      check.misuse("workers", new_pool, { workers = 4 })
      check.misuse("Max_workers", new_pool, { Max_workers = 4 })
      check.raises(new_pool, { [1] = 4 })
      check.raises(new_pool, { [true] = 4 })
    end)

    it("that is all right is taken", function()
      local pool = new_pool {
        max_workers = 2, name = "good", max_tasks_per_worker = 1000,
        queue_limit = 100, on_full = "caller", memory_limit = 64 << 20,
        metatables = "drop", path = package.path, cpath = package.cpath,
        preload = { "fixtures.basic" }, spin = 0, exit_timeout = 1,
        shared = false,
      }
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)
  end)

  it("is no list, string or function", function()
    for _, make in ipairs { tandem.thread_pool, tandem.serial_pool } do
      for _, bad in ipairs { "x", true, print, io.stdout } do
        check.raises(make, bad)
      end
    end
  end)
end)

describe("max_tasks_per_worker", function()
  for_each_pool(function(new_pool)
    it("replaces the worker's state after so many tasks", function()
      local pool = new_pool { max_workers = 1, max_tasks_per_worker = 3 }
      local seen = {}
      for i = 1, 8 do seen[i] = pool:call("fixtures.basic:calls") end
      assert.same({ 1, 2, 3, 1, 2, 3, 1, 2 }, seen)
      -- Of a process it is known a moment after the next one has taken over.
      check.eventually(function() return pool:stats().restarts == 2 end,
                       "2 restarts")
    end)

    it("loses nothing, whatever the limit", function()
      for _, limit in ipairs { 1, 10 } do
        local pool = new_pool { max_workers = 3, max_tasks_per_worker = limit }
        local futures = {}
        for i = 1, 100 do
          futures[i] = pool:submit("fixtures.basic:square", i)
        end
        for i = 1, 100 do
          assert.equal(i * i, futures[i]:result(check.BOUND))
        end
      end
    end)

    it("does not hold up a shutdown that comes early", function()
      local pool = new_pool { max_workers = 3, max_tasks_per_worker = 1 }
      local futures = {}
      for i = 1, 6 do
        futures[i] = pool:submit("fixtures.basic:square", i)
      end
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      for i = 1, 6 do assert.equal(i * i, futures[i]:result(0)) end
    end)

    it("counts failed tasks as well", function()
      local pool = new_pool { max_workers = 1, max_tasks_per_worker = 2 }
      pool:call("fixtures.basic:calls")
      check.raises(pool.call, pool, "fixtures.failing:boom")
      assert.equal(1, pool:call("fixtures.basic:calls"))
      check.raises(pool.call, pool, "fixtures.failing:boom")
      pool:shutdown { wait = false }
      assert.is_true(pool:shutdown { timeout = check.BOUND })
    end)
  end)
end)

describe("path", function()
  for_each_pool(function(new_pool)
    it("is where the workers find their modules", function()
      local directory = files.directory()
      files.write(directory .. "/found_by_path.lua",
                  "return function() return 'found' end")
      local pool = new_pool { path = directory .. "/?.lua;" .. package.path }
      assert.equal("found", pool:call("found_by_path"))
      check.kind("load", function()
        return new_pool({}):call("found_by_path")
      end)
    end)

    it("is by default what it was when the pool was made", function()
      local directory, path = files.directory(), package.path
      files.write(directory .. "/found_later.lua", "return print")
      local before = new_pool({})
      package.path = directory .. "/?.lua;" .. path
      local after = new_pool({})
      package.path = path
      check.kind("load", before.call, before, "found_later")
      assert.equal(0, select("#", after:call("found_later")))
    end)

    it("has no relative entry left in a worker", function()
      local relative = "./?.lua;some/?.lua;" .. package.path
      for _, opts in ipairs { {}, { path = relative, cpath = "./?.so" } } do
        local path, cpath = new_pool(opts):call("fixtures.basic:search_paths")
        for entry in (path .. ";" .. cpath):gmatch("[^;]+") do
          assert.equal("/", entry:sub(1, 1), entry)
        end
      end
    end)
  end)
end)

describe("preload", function()
  for_each_pool(function(new_pool)
    it("requires its modules in a worker when that starts", function()
      local pool = new_pool { max_workers = 1,
                              preload = { "fixtures.results" } }
      assert.is_true(pool:call("fixtures.state:is_loaded", "fixtures.results"))
      local other = new_pool { max_workers = 1 }
      assert.is_false(other:call("fixtures.state:is_loaded",
                                 "fixtures.results"))
    end)
  end)
end)

describe("queue_limit", function()
  for_each_pool(function(new_pool)
    -- One task runs, two wait: the queue is full.
    local function full_pool(on_full)
      local gate = gates.new()
      local pool = new_pool { max_workers = 1, queue_limit = 2,
                              on_full = on_full }
      local futures = { pool:submit("fixtures.gate:wait", gate.path, 1) }
      gate:wait_started(1)
      for i = 2, 3 do
        futures[i] = pool:submit("fixtures.basic:echo", i)
      end
      return pool, gate, futures
    end

    local function assert_results(futures)
      for i, f in ipairs(futures) do
        assert.equal(i, f:result(check.BOUND))
      end
    end

    it("can make submit raise kind 'full'", function()
      local pool, gate, futures = full_pool("error")
      for _ = 1, 2 do
        check.kind("full", pool.submit, pool, "fixtures.gate:pass_by",
                   gate.path)
      end
      gate:open()
      assert_results(futures)
      assert.equal(1, gate:started())
      assert.equal(4, pool:call("fixtures.basic:echo", 4))
    end)

    it("has room again for each that is cancelled", function()
      local pool, gate, futures = full_pool("error")
      assert.is_true(futures[3]:cancel())
      futures[3] = pool:submit("fixtures.basic:echo", 3)
      check.kind("full", pool.submit, pool, "fixtures.basic:echo")
      gate:open()
      assert_results(futures)
    end)

    it("can make submit run the task itself", function()
      local pool, gate, futures = full_pool("caller")
      local f = pool:submit("fixtures.basic:echo", 4)
      assert.equal("done", f:status())
      assert.equal(4, f:result(0))
      local bad = pool:submit("fixtures.failing:raise", "inline")
      assert.equal("inline", bad:error(0))
      assert.equal("pending", futures[2]:status())
      gate:open()
      assert_results(futures)
    end)

    -- The host hung, as nobody looked at what runs in its own thread.
    it("stops by its timeout what submit runs itself", function()
      local pool, gate, futures = full_pool("caller")
      local tasks = { "fixtures.gate:sleep", "fixtures.gate:loop_protected" }
      if scale.defers_signals then tasks[2] = nil end
      for _, task in ipairs(tasks) do
        local brief = pool:with { timeout = 0.05 }
        local f = brief:submit(task, files.directory() .. "/gate", 60)
        local err = f:error(0)
        assert.is_true(tandem.is_error(err, "timeout"))
        assert.equal(0.05, err.limit)
        assert.equal(0, f:info().worker)
        assert.equal(4, pool:submit("fixtures.basic:echo", 4):result(0))
      end
      gate:open()
      assert_results(futures)
    end)

    -- That of a process pool ended the host.
    it("goes on after an os.exit in what submit runs itself", function()
      local pool, gate, futures = full_pool("caller")
      local err = pool:submit(function() os.exit(7) end):error(0)
      assert.is_true(tandem.is_error(err, "exit"))
      assert.equal(7, err.code)
      gate:open()
      assert_results(futures)
    end)

    it("makes submit wait by default, and callbacks run meanwhile", function()
      for _, on_full in ipairs { "block", false } do
        check.patiently(function(seconds)
          local pool, gate, futures = full_pool(on_full or nil)
          local called = false
          futures[1]:on_done(function() called = true end)
          gate:open_later(seconds / 10)
          futures[4] = pool:submit("fixtures.basic:echo", 4)
          -- Unless there was room before it was asked for.
          assert.is_true(called)
          assert_results(futures)
        end)
      end
    end)

    it("bounds no map", function()
      local pool = new_pool { max_workers = 2, queue_limit = 2 }
      assert.equal(100, #pool:map("fixtures.basic:square",
                                  tandem.range(1, 100), { chunk = 1 })
        :collect())
    end)
  end, { concurrent = true })
end)

describe("name", function()
  it("is the prefix of the threads' names", function()
    local pool <close> = tandem.thread_pool { max_workers = 1, name = "quark" }
    pool:call("fixtures.basic:echo")
    local found = false
    for _, name in ipairs(thread_names()) do
      found = found or name:sub(1, 5) == "quark"
    end
    assert.is_true(found)
  end)

  it("may be longer than a thread's name can be", function()
    local pool <close> = tandem.thread_pool { name = ("long"):rep(100) }
    assert.equal(1, pool:call("fixtures.basic:echo", 1))
    local names = table.concat(thread_names(), " ")
    assert.is_truthy(names:find("long", 1, true))
  end)
end)

describe("resize", function()
  for_each_pool(function(new_pool, kind)
    local most = kind == "process" and 1000 or 65535

    it("refuses what is no number of workers", function()
      local pool = new_pool(1)
      for _, bad in ipairs(BAD_COUNTS) do
        check.misuse_of("bad argument #1", pool, "resize", bad)
      end
      check.misuse_of("bad argument #1", pool, "resize")
      -- As many as max_workers may be.
      check.misuse_of("bad argument #1", pool, "resize", most + 1)
      pool:resize(most)
      assert.equal(most, pool:stats().max_workers)
    end)
  end)

  for_each_pool(function(new_pool)
    it("grows at once", function()
      local pool, gate = new_pool(1), gates.new()
      for _ = 1, 3 do pool:submit("fixtures.gate:wait", gate.path) end
      gate:wait_started(1)
      pool:resize(3)
      gate:wait_started(3)
      assert.equal(3, #pool:workers())
    end)

    it("shrinks as workers fall idle", function()
      local pool, gate = new_pool(4), gates.new()
      for _ = 1, 4 do pool:submit("fixtures.gate:wait", gate.path) end
      gate:wait_started(4)
      pool:resize(1)
      assert.equal(4, pool:stats().running)
      gate:open()
      check.eventually(function() return #pool:workers() == 1 end,
                       "one worker left")
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)

    it("of a pool that is shut down starts nothing", function()
      local pool = new_pool(1)
      pool:shutdown()
      pcall(pool.resize, pool, 2)
      assert.same({}, pool:workers())
      check.kind("closed", pool.submit, pool, "fixtures.basic:echo")
    end)
  end, { concurrent = true })
end)
