-- Fills a table of @ROWS@ rows, indexes it, joins and groups.
create table orders(id integer primary key, customer integer, amount real, note text);
insert into orders
  with recursive n(i) as (select 1 union all select i + 1 from n where i < @ROWS@)
  select i, (i * 48271) % 9973, (i % 1000) / 8.0, 'order ' || i from n;
create index by_customer on orders(customer);
select count(*), sum(amount) from orders where customer between 100 and 5000;
select count(*) from orders a join orders b on a.customer = b.customer where a.id < 400;
select customer % 97 as part, count(*), avg(amount), max(note) from orders group by part order by 2 desc limit 5;
update orders set amount = amount * 1.5 where customer % 7 = 0;
delete from orders where id % 3 = 0;
select count(*), round(sum(amount)) from orders;
