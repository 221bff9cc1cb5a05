"""SCIM: any product that lets its accounts be kept from outside."""
