--- tandem.poll and tandem.fileno: for programs with an event loop.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local socket = require "socket"
local tandem = require "tandem"

-- What luasocket's select takes for a descriptor.
local function readable(timeout)
  local object = {
    getfd = function() return tandem.fileno() end,
    dirty = function() return false end,
  }
  return #socket.select({ object }, nil, timeout) == 1
end

-- A worker may signal a moment after its task was taken in: one poll later
-- the descriptor must be quiet.
local function assert_quiet()
  check.eventually(function()
    return not readable(0) or (tandem.poll(0) and not readable(0))
  end, "a quiet descriptor")
end

describe("tandem.poll", function()
  it("finds nothing to do where there is nothing", function()
    assert.equal(0, tandem.poll())
    for _, timeout in ipairs { 0, -1, -math.huge } do
      assert.equal(0, tandem.poll(timeout))
    end
  end)

  it("refuses what is no number", function()
    for _, bad in ipairs { "1", true, {}, print } do
      check.misuse("bad argument #1", tandem.poll, bad)
    end
  end)

  for_each_pool(function(new_pool)
    it("runs the callbacks that are ready, and counts them", function()
      local pool, gate, called = new_pool(2), gates.new(), 0
      for _ = 1, 2 do
        pool:submit("fixtures.gate:wait", gate.path)
          :on_done(function() called = called + 1 end)
      end
      assert.equal(0, tandem.poll(0))
      assert.equal(0, called)
      gate:open()
      local count, deadline = 0, tandem.now() + check.BOUND
      while count < 2 and tandem.now() < deadline do
        count = count + tandem.poll(1)
        assert.equal(count, called)
      end
      assert.equal(2, count)
      assert.equal(0, tandem.poll(0))
    end)

    it("waits for one as long as it may", function()
      local pool, gate = new_pool(1), gates.new()
      pool:submit("fixtures.gate:wait", gate.path):on_done(function() end)
      gate:wait_started(1)
      local before = tandem.now()
      assert.equal(0, tandem.poll(0.05))
      assert.is_true(tandem.now() - before >= 0.05)
    end)

    it("returns when the first callback has run", function()
      local pool, gate, called = new_pool(1), gates.new(), false
      pool:submit("fixtures.gate:wait", gate.path)
        :on_done(function() called = true end)
      gate:wait_started(1)
      gate:open_later(0.02)
      local before = tandem.now()
      assert.equal(1, tandem.poll(check.BOUND))
      assert.is_true(called)
      assert.is_true(tandem.now() - before < check.BOUND)
    end)

    -- It ran on as long as each callback had the next one ready.
    it("returns though each callback makes the next one due", function()
      local pool, left = new_pool(1), 10
      local function add_next()
        local gate = gates.new()
        local future = pool:submit("fixtures.gate:wait", gate.path)
        future:on_done(function()
          left = left - 1
          if left > 0 then add_next() end
        end)
        gate:open()
        check.eventually(function() return future:done() end, "the next one")
      end
      add_next()
      local polls = 0
      while left > 0 do
        assert.is_true(readable(check.BOUND))
        assert.equal(1, tandem.poll(0))
        polls = polls + 1
      end
      assert.equal(10, polls)
      assert_quiet()
    end)
  end, { concurrent = true })
end)

describe("tandem.fileno", function()
  it("is one descriptor, always the same", function()
    local fd = tandem.fileno()
    assert.equal("integer", math.type(fd))
    assert.is_true(fd > 2)
    assert.equal(fd, tandem.fileno())
  end)

  for_each_pool(function(new_pool)
    it("is readable when poll has work, and then no more", function()
      local pool, gate, called = new_pool(1), gates.new(), 0
      assert_quiet()
      for round = 1, 3 do
        local held = round == 1 and gate or gates.new()
        pool:submit("fixtures.gate:wait", held.path)
          :on_done(function() called = called + 1 end)
        held:wait_started(1)
        assert_quiet()
        held:open()
        assert.is_true(readable(check.BOUND))
        assert.equal(round - 1, called)
        assert.equal(1, tandem.poll(0))
        assert.equal(round, called)
        assert_quiet()
      end
    end)

    it("is readable when a future with a callback is cancelled", function()
      local pool, gate, called = new_pool(1), gates.new(), 0
      pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      local queued = pool:submit("fixtures.basic:echo")
      queued:on_done(function() called = called + 1 end)
      assert_quiet()
      assert.is_true(queued:cancel())
      assert.is_true(readable(check.BOUND))
      assert.equal(1, tandem.poll(0))
      assert.equal(1, called)
      assert_quiet()
      gate:open()
    end)

    it("is readable until all of many callbacks have run", function()
      local pool, gate, called = new_pool(2), gates.new(), 0
      for _ = 1, 50 do
        pool:submit("fixtures.gate:wait", gate.path)
          :on_done(function() called = called + 1 end)
      end
      assert_quiet()
      gate:open()
      while called < 50 do
        assert.is_true(readable(check.BOUND))
        tandem.poll(0)
      end
      assert.equal(50, called)
      assert_quiet()
    end)
  end, { concurrent = true })
end)
