DELETE FROM password_costs;
